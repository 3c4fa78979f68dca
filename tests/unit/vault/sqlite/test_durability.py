"""No acknowledgement leaves before the sync that covers it, counted at the file layer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.vault_files import FileEvent, WatchedFiles
from tests.doubles.vault_ledger import add, kinds, reveal, running, tokenize
from vault.adapters.sqlite.database import Database, open_database
from vault.adapters.sqlite.open import engine_over
from vault.usecases.ledger.ledger import GroupCommitLedger

ACKNOWLEDGED = "acknowledged"


@pytest.fixture
async def files() -> WatchedFiles:
    return WatchedFiles()


@pytest.fixture
async def database(tmp_path: Path, files: WatchedFiles) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "vault.db", vfs=files.name) as opened:
        yield opened


def uncovered(events: list[FileEvent | str]) -> int:
    """Count the acknowledgements that left while something written was not yet synced."""
    unsynced: set[str] = set()
    early = 0
    for event in events:
        if event == ACKNOWLEDGED:
            early += bool(unsynced)
        elif isinstance(event, FileEvent) and event.what == "sync":
            unsynced.discard(event.file)
        elif isinstance(event, FileEvent):
            unsynced.add(event.file)
    return early


async def work(ledger: GroupCommitLedger, files: WatchedFiles) -> None:
    """Write and reveal in flushes of several sizes; mark every acknowledgement."""
    for size in (1, 3, 10):
        cards = await tokenize(ledger, *[add(size * 100 + n) for n in range(size)])
        files.events.append(ACKNOWLEDGED)
        assert "Applied" in kinds(await ledger.apply([reveal(card.token) for card in cards]))
        files.events.append(ACKNOWLEDGED)


async def test_every_acknowledgement_is_covered_by_a_sync_of_its_own(
    database: Database, files: WatchedFiles
) -> None:
    async with running(engine_over(database)) as ledger:
        files.events.clear()
        await work(ledger, files)
    assert uncovered(files.events) == 0
    assert files.events.count(ACKNOWLEDGED) == 6
    assert files.events.count(FileEvent("sync", "wal")) == 6  # one a flush, however large
    assert FileEvent("sync", "db") not in files.events


async def test_the_count_notices_when_nothing_is_synced(
    database: Database, files: WatchedFiles
) -> None:
    """Show that the test above would fail with `synchronous = OFF`."""
    await database._writing.run(lambda: database._writer.pragma("synchronous", 0))
    async with running(engine_over(database)) as ledger:
        files.events.clear()
        await work(ledger, files)
    assert uncovered(files.events) == 6


async def test_normal_would_not_do_either(database: Database, files: WatchedFiles) -> None:
    await database._writing.run(lambda: database._writer.pragma("synchronous", 1))
    async with running(engine_over(database)) as ledger:
        files.events.clear()
        await work(ledger, files)
    assert uncovered(files.events) == 6


async def test_a_read_shows_nothing_that_is_not_synced(
    database: Database, files: WatchedFiles
) -> None:
    """A masked read during the sync of a commit must not see what may yet be lost."""
    engine = engine_over(database)
    seen: list[int] = []

    def look(event: FileEvent) -> None:
        if event == FileEvent("sync", "wal"):
            rows = database._inline.execute("SELECT count(*) FROM cards").fetchall()
            seen.append(int(str(rows[0][0])))

    async with running(engine) as ledger:
        await tokenize(ledger, add(1))
        files.fault = look
        await tokenize(ledger, add(2))
        files.fault = lambda _event: None
    assert seen == [1]
    assert database.read(lambda db: db.execute("SELECT count(*) FROM cards").get) == 2
