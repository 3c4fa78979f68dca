"""Opening connections: the version that is required, and the pragmas that make commits durable."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from vault.usecases.ports import StoreError

# 3.51.3 mends a WAL reset that could corrupt a database (sqlite.org/wal.html, "WAL-reset bug").
REQUIRED: Final = (3, 51, 3)
SYNCHRONOUS_FULL: Final = 2
_STATEMENTS: Final = 512  # kept prepared: about a dozen tables by sixteen row counts

WRITER: Final = """
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA secure_delete = ON;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA journal_size_limit = 67108864;
"""
COMMON: Final = """
PRAGMA temp_store = MEMORY;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA cache_size = -65536;
"""


class UnsuitableSqlite(StoreError):
    """This SQLite is too old, or does not do what was asked of it."""


def check_version(version: str) -> None:
    """Refuse an SQLite library older than `REQUIRED`. Raises UnsuitableSqlite."""
    if tuple(int(part) for part in version.split(".")) < REQUIRED:
        wanted = ".".join(str(part) for part in REQUIRED)
        raise UnsuitableSqlite(f"SQLite {version} is older than {wanted}")


def open_writer(path: Path, vfs: str | None = None) -> apsw.Connection:
    """Open the one connection that writes; the file is made readable by its owner only."""
    check_version(apsw.sqlite_lib_version())
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = _open(path, vfs, busy_ms=5_000)
    if db.pragma("journal_mode", "wal") != "wal":
        raise UnsuitableSqlite("this file cannot have a write-ahead log")
    db.execute(WRITER).fetchall()  # a cursor stops at each row it is not asked for
    if db.pragma("synchronous") != SYNCHRONOUS_FULL or db.pragma("secure_delete") != 1:
        raise UnsuitableSqlite("synchronous = FULL or secure_delete was not accepted")
    return db


def open_reader(path: Path, vfs: str | None = None) -> apsw.Connection:
    """Open a connection that reads what is committed and cannot write."""
    db = _open(path, vfs, busy_ms=1_000)
    db.execute("PRAGMA query_only = ON").fetchall()
    return db


def _open(path: Path, vfs: str | None, busy_ms: int) -> apsw.Connection:
    db = apsw.Connection(str(path), vfs=vfs, statementcachesize=_STATEMENTS)
    db.set_busy_timeout(busy_ms)
    # A close after an I/O error must not touch the log; a good close checkpoints by itself.
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.execute(COMMON).fetchall()
    return db


def migrate(db: apsw.Connection) -> int:
    """Apply the numbered schema files that this database has not seen; return its version.

    Each file is one transaction together with its number. A database from a newer release is
    refused. The caller holds the database's lock.
    """
    db.execute(
        "CREATE TABLE IF NOT EXISTS schema_version"
        " (number INTEGER NOT NULL PRIMARY KEY, applied INTEGER NOT NULL) STRICT"
    )
    files = sorted(
        (file for file in resources.files(__package__).joinpath("schema").iterdir()),
        key=lambda file: file.name,
    )
    scripts = {int(file.name[:4]): file for file in files if file.name.endswith(".sql")}
    current = int(db.execute("SELECT ifnull(max(number), 0) FROM schema_version").get)
    newest = max(scripts)
    if current > newest:
        raise UnsuitableSqlite("this database belongs to a newer release")
    for number in range(current + 1, newest + 1):
        with db:
            db.execute(scripts[number].read_text("utf-8")).fetchall()
            db.execute(
                "INSERT INTO schema_version (number, applied) VALUES (?, unixepoch())", (number,)
            )
    return newest
