"""Opening: version, pragmas, lock, schema; the log is emptied by size and on a good close."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.contract.ledger_rows import a_card, add_cards, write
from vault.adapters.sqlite import connection
from vault.adapters.sqlite.connection import UnsuitableSqlite, check_version, migrate, open_writer
from vault.adapters.sqlite.database import open_database
from vault.adapters.sqlite.lock import DatabaseInUse, exclusive
from vault.adapters.sqlite.open import engine_over, open_sqlite
from vault.adapters.sqlite.trail import ADD_DATA_KEYS
from vault.adapters.sqlite.writing import (
    ADD_APPLIED,
    ADD_AUDIT,
    ADD_CARDS,
    ADD_NUMBERS,
    ADD_OUTBOX,
    ADD_POINTERS,
    ADD_REQUESTS,
    ADD_VERSIONS,
)
from vault.domain.queries import CardQuery
from vault.usecases.ports import StoreBroken

HOLDER = """
import sys
from pathlib import Path
from vault.adapters.sqlite.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.99", "2.99.9"])
def test_an_older_sqlite_is_refused(version: str) -> None:
    with pytest.raises(UnsuitableSqlite):
        check_version(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.51.10", "3.52.0", "4.0.0"])
def test_a_current_sqlite_is_taken(version: str) -> None:
    check_version(version)


def test_the_version_is_checked_when_a_database_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUIRED", (99, 0, 0))
    with pytest.raises(UnsuitableSqlite):
        open_writer(tmp_path / "vault.db")
    assert not (tmp_path / "vault.db").exists()


async def test_commits_are_made_durable_and_deleted_bytes_are_overwritten(tmp_path: Path) -> None:
    async with open_database(tmp_path / "vault.db") as database:
        pragma = database._writer.pragma
        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2
        assert pragma("wal_autocheckpoint") == 0
        assert pragma("secure_delete") == 1
        for reader in (database._inline, database._aside):
            with pytest.raises(apsw.ReadOnlyError):
                reader.execute("DELETE FROM cards").fetchall()


async def test_a_deleted_row_leaves_no_bytes_behind(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    secret = b"sealed-contents-that-must-go"
    async with open_sqlite(path) as engine:
        await add_cards(engine, a_card("tok_1", sealed=secret))
        await add_cards(engine, *[a_card(f"tok_{n}") for n in range(2, 50)])
    assert secret in path.read_bytes()
    async with open_database(path) as database:
        await database.write(lambda db: db.execute("DELETE FROM cards").fetchall())
    assert secret not in path.read_bytes()


def modes_in(directory: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}


async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "vault.db") as engine:
        await write(engine)
        modes = modes_in(tmp_path)
    assert modes == dict.fromkeys(
        ["vault.db", "vault.db-wal", "vault.db-shm", "vault.db.lock"], 0o600
    )


def hold(path: Path) -> subprocess.Popen[str]:
    """Start a process that locks a database until it is killed."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDER, str(path)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


async def test_a_second_server_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    holder = hold(path)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(DatabaseInUse):
            async with open_sqlite(path):
                pytest.fail("opened twice")
        assert not path.exists()  # nothing is touched before the lock is held
        holder.kill()
        holder.wait()
    async with open_sqlite(path) as engine:
        await write(engine)
        with pytest.raises(DatabaseInUse), exclusive(path):
            pytest.fail("locked twice in one process")


async def test_what_was_stored_is_there_after_reopening(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "vault.db") as engine:
        await add_cards(engine, a_card("tok_1"))
    async with open_sqlite(tmp_path / "vault.db") as engine:
        assert await engine.reader.list_cards(CardQuery("demo", 10)) == [a_card("tok_1")]


async def test_a_damaged_file_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    async with open_database(path):
        pass
    content = bytearray(path.read_bytes())
    content[100:108] = bytes(8)  # the header of the schema's first page
    path.write_bytes(content)
    with pytest.raises(StoreBroken, match="CorruptError"):
        async with open_database(path):
            raise AssertionError("it is served")


def test_migrating_again_changes_nothing_and_a_newer_schema_is_refused(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "vault.db")
    newest = migrate(db)
    assert migrate(db) == newest
    assert db.execute("SELECT count(*) FROM schema_version").get == newest
    db.execute("INSERT INTO schema_version VALUES (?, 0)", (newest + 1,)).fetchall()
    with pytest.raises(UnsuitableSqlite):
        migrate(db)
    db.close()


def test_the_domains_rows_and_the_tables_have_the_same_columns(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "vault.db")
    migrate(db)
    for statement in (
        ADD_APPLIED,
        ADD_AUDIT,
        ADD_CARDS,
        ADD_DATA_KEYS,
        ADD_NUMBERS,
        ADD_OUTBOX,
        ADD_POINTERS,
        ADD_REQUESTS,
        ADD_VERSIONS,
    ):
        table, _, rest = statement.text.removeprefix("INSERT OR ROLLBACK INTO ").partition(" (")
        named = rest.partition(")")[0].split(", ")
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        assert named == columns, table
    db.close()


async def test_the_log_is_copied_and_started_over_when_it_has_grown(tmp_path: Path) -> None:
    log = tmp_path / "vault.db-wal"
    async with open_database(tmp_path / "vault.db", checkpoint_pages=100) as database:
        engine = engine_over(database)
        largest = 0
        for round_ in range(30):
            cards = [a_card(f"tok_{round_}_{n}", metadata="x" * 500) for n in range(20)]
            await add_cards(engine, *cards)
            largest = max(largest, log.stat().st_size)
        assert (tmp_path / "vault.db").stat().st_size > 400_000
        assert largest < 4_096 * 250  # a threshold's worth and one flush, not all thirty
    assert log.stat().st_size == 0  # a good close leaves nothing in the log


async def test_a_reader_in_the_way_of_a_checkpoint_delays_nobody(tmp_path: Path) -> None:
    async with open_database(tmp_path / "vault.db", checkpoint_pages=1) as database:
        engine = engine_over(database)
        await write(engine)
        database._aside.execute("BEGIN; SELECT * FROM chains").fetchall()
        for _ in range(40):
            await asyncio.wait_for(write(engine), 5)
        database._aside.execute("ROLLBACK").fetchall()
        await write(engine)
        assert (await engine.audit.open_chains())[0].sequence == 42
