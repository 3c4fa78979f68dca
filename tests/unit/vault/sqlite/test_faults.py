"""A full disk is refused and recovers; any I/O error is the end of the store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from tests.contract.ledger_rows import a_card, add_cards, next_delta, write
from tests.doubles.vault_files import FileEvent, WatchedFiles
from tests.doubles.vault_ledger import CHAIN, add, kinds, records, reveal, running, tokenize
from vault.adapters.engine import Engine
from vault.adapters.sqlite import database as database_module
from vault.adapters.sqlite.database import Database, open_database
from vault.adapters.sqlite.open import engine_over, open_sqlite
from vault.domain.outcome import InDoubt, NotApplied
from vault.domain.queries import CardQuery
from vault.domain.reasons import Reason
from vault.usecases.ledger.state import Want
from vault.usecases.ports import StoreBroken, StoreFull, StoreUnavailable


@pytest.fixture
async def files() -> WatchedFiles:
    return WatchedFiles()


@pytest.fixture
async def told() -> list[StoreBroken]:
    return []


@pytest.fixture
async def engine(
    tmp_path: Path, files: WatchedFiles, told: list[StoreBroken]
) -> AsyncIterator[Engine]:
    async with open_sqlite(tmp_path / "vault.db", vfs=files.name, broken=told.append) as opened:
        yield opened
        files.fault = lambda _event: None


def fail(files: WatchedFiles, what: str, file: str, error: Exception) -> None:
    files.fault = lambda event: error if event == FileEvent(what, file) else None


async def test_a_full_disk_refuses_writes_and_reveals_and_recovers_by_itself(
    engine: Engine, files: WatchedFiles, told: list[StoreBroken]
) -> None:
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(1))
        before = await engine.audit.open_chains()
        fail(files, "write", "wal", apsw.FullError("no room"))
        outcomes = await ledger.apply([add(2, request_id="r"), reveal(card.token)])
        assert outcomes == [NotApplied(Reason.STORAGE_FULL)] * 2
        assert await ledger.apply([reveal(card.token)]) == [NotApplied(Reason.STORAGE_FULL)]
        assert await ledger.read([card.key]) == {card.key: card}  # masked reads go on
        assert await engine.reader.list_cards(CardQuery(card.tenant, 10)) == [card]
        assert await engine.audit.open_chains() == before
        files.fault = lambda _event: None
        again = await ledger.apply([add(2, request_id="r"), reveal(card.token)])
        assert kinds(again) == ["Applied", "Applied"]
    assert [row["action"] for row in await records(engine)] == [
        "card.tokenize",
        "card.tokenize",
        "card.reveal",
    ]
    assert told == []


async def test_a_database_at_its_largest_size_is_full_too(tmp_path: Path) -> None:
    async with open_database(tmp_path / "vault.db") as database:
        engine = engine_over(database)
        await add_cards(engine, a_card("tok_1"))
        pages = database.read(lambda db: db.pragma("page_count"))
        database._writer.pragma("max_page_count", pages)
        with pytest.raises(StoreFull):
            await add_cards(
                engine, *[a_card(f"tok_big_{n}", metadata="x" * 900) for n in range(50)]
            )
        assert await engine.reader.list_cards(CardQuery("demo", 10)) == [a_card("tok_1")]
        database._writer.pragma("max_page_count", pages + 1_000)
        await add_cards(engine, a_card("tok_2"))


async def test_a_long_log_that_a_full_disk_has_no_room_to_empty_is_not_made_longer(
    tmp_path: Path, files: WatchedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 4,062 pages it would be an I/O error, and the end: SQLite makes the log's index longer."""
    monkeypatch.setattr(database_module, "MOST_LOG_PAGES", 100)
    path, told = tmp_path / "vault.db", list[StoreBroken]()
    async with open_database(
        path, vfs=files.name, broken=told.append, checkpoint_pages=40
    ) as database:
        engine = engine_over(database)
        async with running(engine) as ledger:
            fail(files, "write", "db", apsw.FullError("no room"))
            served = 0
            while kinds(await ledger.apply([add(served)])) == ["Applied"]:
                served += 1
                assert served < 100
            assert 40 < database._log_pages < 120
            longest = (tmp_path / "vault.db-wal").stat().st_size
            for again in range(20):
                assert await ledger.apply([add(200 + again)]) == [NotApplied(Reason.STORAGE_FULL)]
            assert (tmp_path / "vault.db-wal").stat().st_size == longest
            files.fault = lambda _event: None
            assert kinds(await ledger.apply([add(300)])) == ["Applied"], "with room it goes on"
            assert database._log_pages < 40, "the log begins anew"
    assert told == []


IO_ERRORS = {"write": ("write", "wal"), "sync": ("sync", "wal")}


@pytest.mark.parametrize("place", IO_ERRORS)
async def test_an_io_error_in_a_flush_is_in_doubt_and_the_end(
    engine: Engine, files: WatchedFiles, told: list[StoreBroken], place: str
) -> None:
    outcomes: list[object] = []

    async def serve() -> None:
        async with running(engine) as ledger:
            await tokenize(ledger, add(1))
            fail(files, *IO_ERRORS[place], apsw.IOError("failed"))
            outcomes.extend(await ledger.apply([add(2)]))

    with pytest.raises(BaseExceptionGroup) as caught:
        await serve()
    assert caught.group_contains(StoreBroken, depth=2)
    assert outcomes == [InDoubt()]
    await refuses_everything(engine, files, told)


async def refuses_everything(engine: Engine, files: WatchedFiles, told: list[StoreBroken]) -> None:
    """Hold that a broken store touches its files no more, even if they would work again."""
    files.fault = lambda _event: None
    files.events.clear()
    with pytest.raises(StoreBroken):
        await engine.store.read(CHAIN, Want())
    with pytest.raises(StoreBroken):
        await engine.reader.cards([])
    with pytest.raises(StoreBroken):
        await engine.reader.list_cards(CardQuery("demo", 1))
    with pytest.raises(StoreBroken):
        await engine.housekeeping.purge_requests(1, 1)
    assert files.events == []
    await asyncio.sleep(0)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("what", "file"),
    [("write", "db"), ("sync", "db"), ("sync", "wal")],
    ids=["write", "sync", "sync of the log"],
)
async def test_an_io_error_in_a_checkpoint_is_the_end_though_the_flush_is_answered(
    tmp_path: Path, files: WatchedFiles, told: list[StoreBroken], what: str, file: str
) -> None:
    async with open_sqlite(
        tmp_path / "vault.db", vfs=files.name, broken=told.append, checkpoint_pages=30
    ) as engine:
        delta = await next_delta(engine)
        syncs = 0

        def fault(event: FileEvent) -> Exception | None:
            nonlocal syncs
            syncs += event == FileEvent("sync", "wal")
            # The flush's own sync of the log passes; the checkpoint's fails.
            covered = file != "wal" or syncs > 1
            return apsw.IOError("failed") if event == (what, file) and covered else None

        files.fault = fault
        await engine.store.write(delta)
        for _ in range(1_000):
            await asyncio.sleep(0.001)
            if told:
                break
        await refuses_everything(engine, files, told)
    async with open_sqlite(tmp_path / "vault.db") as engine:
        assert await engine.audit.open_chains() == [delta.head]


async def test_a_checkpoint_that_fails_while_the_database_is_closed_is_told_once(
    tmp_path: Path, files: WatchedFiles, told: list[StoreBroken]
) -> None:
    """Not raised by the close as well, wherever it was when the checkpoint failed."""
    async with open_database(
        tmp_path / "vault.db", vfs=files.name, broken=told.append, checkpoint_pages=1
    ) as database:
        held = threading.Event()

        def gone(event: FileEvent) -> Exception | None:
            if event != FileEvent("write", "db"):
                return None
            held.wait(5)  # until the close has looked, and waits behind the checkpoint
            return apsw.IOError("gone")

        files.fault = gone
        await database.write(lambda db: db.execute("CREATE TABLE a (b)"))
        asyncio.get_running_loop().call_later(0.1, held.set)
    await asyncio.sleep(0)
    assert len(told) == 1


async def test_a_disk_found_full_by_a_checkpoint_loses_nothing_and_goes_on(
    tmp_path: Path, files: WatchedFiles, told: list[StoreBroken]
) -> None:
    async with open_sqlite(
        tmp_path / "vault.db", vfs=files.name, broken=told.append, checkpoint_pages=1
    ) as engine:
        fail(files, "write", "db", apsw.FullError("no room"))
        for _ in range(3):
            await write(engine)
        assert FileEvent("write", "db") in files.events
        files.fault = lambda _event: None
        await write(engine)
        assert told == []
    async with open_sqlite(tmp_path / "vault.db") as engine:
        assert (await engine.audit.open_chains())[0].sequence == 4


async def test_what_a_failed_store_acknowledged_is_there_after_a_restart(
    tmp_path: Path, files: WatchedFiles
) -> None:
    async with open_sqlite(tmp_path / "vault.db", vfs=files.name) as engine:
        await add_cards(engine, a_card("tok_1"))
        fail(files, "sync", "wal", apsw.IOError("failed"))
        with pytest.raises(StoreBroken):
            await add_cards(engine, a_card("tok_2"))
        files.events.clear()
    assert files.events == []  # nor does closing touch the log
    async with open_sqlite(tmp_path / "vault.db") as engine:
        tokens = {card.token for card in await engine.reader.list_cards(CardQuery("demo", 10))}
    assert tokens >= {"tok_1"}


async def test_a_writer_from_outside_makes_it_unavailable_for_a_while(tmp_path: Path) -> None:
    async with open_database(tmp_path / "vault.db") as database:
        engine = engine_over(database)
        await write(engine)
        database._writer.set_busy_timeout(1)
        outside = apsw.Connection(str(tmp_path / "vault.db"))
        outside.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await write(engine)
        outside.execute("ROLLBACK")
        outside.close()
        await write(engine)


async def test_a_reader_that_was_on_its_way_touches_a_broken_database_no_more(
    tmp_path: Path,
) -> None:
    class BreaksMeanwhile:
        """The writer's lock, let go of by a flush that broke the database."""

        def __init__(self, database: Database) -> None:
            self._database = database

        def acquire(self, *, blocking: bool) -> bool:
            self._database._break(StoreBroken("meanwhile"))
            return not blocking

        def release(self) -> None:
            """Give it back."""

    def touched(_db: apsw.Connection) -> None:
        raise AssertionError("a read of a broken database")

    async with open_database(tmp_path / "vault.db") as database:
        database._at_work = BreaksMeanwhile(database)  # type: ignore[assignment]
        with pytest.raises(StoreBroken):
            database.read(touched)
