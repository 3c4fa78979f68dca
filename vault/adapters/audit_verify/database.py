"""The embedded vault's database, or a copy: the audit's three tables, read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import apsw

from vault.adapters.audit_verify.rows import Statements, TrailOfRows
from vault.adapters.audit_verify.trail import NotReadable

_STATEMENTS: Final = Statements(
    chains="SELECT chain, sequence, hash, ended FROM chains ORDER BY chain",
    name="SELECT min(chain) FROM audit WHERE chain > ?",  # one index step a chain
    records="SELECT sequence, time, record, hash FROM audit WHERE chain = ? ORDER BY sequence",
    record=(
        "SELECT sequence, time, record, hash FROM audit WHERE chain = ? AND sequence = ? LIMIT 1"
    ),
)


class AuditFile(TrailOfRows):
    """`Trail` over SQLite, one row at a time."""

    statements = _STATEMENTS

    def __init__(self, db: apsw.Connection, *, shared: bool = False) -> None:
        self._db: Final = db
        self.shared: Final = shared

    def _rows(self, sql: str, *values: str | int) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, values)
        except (apsw.Error, UnicodeDecodeError):
            raise NotReadable("the database can't be read: damaged, or not a vault's") from None


@contextmanager
def open_audit_file(path: Path) -> Iterator[AuditFile]:
    """Open a copy of the database. Raises NotReadable.

    With a write-ahead log beside it, the log is read too; without one the file is opened as
    immutable, so that a read-only medium will do.
    """
    if not path.is_file():
        raise NotReadable("there is no such file")
    log = path.with_name(path.name + "-wal")
    option = "" if log.exists() and log.stat().st_size else "&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?mode=ro{option}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        db = apsw.Connection(uri, flags=flags)
    except apsw.Error:
        raise NotReadable("the database can't be opened") from None
    try:
        db.set_busy_timeout(5_000)
        yield AuditFile(db)
    finally:
        db.close(force=True)
