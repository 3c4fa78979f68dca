"""The updater's database: one process, whole migrations, and a look from beside."""

import stat
from pathlib import Path

import apsw
import pytest

from updater.adapters.sqlite.database import (
    latest_version,
    open_beside,
    open_database,
    schema_version,
)
from updater.domain.errors import (
    DatabaseInUse,
    DatabaseTooNew,
    StorageFull,
    StoreBroken,
    StoreUnavailable,
)


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "updater.db"
    async with open_database(path):
        with pytest.raises(DatabaseInUse):
            async with open_database(path):
                pass
    async with open_database(path):
        pass


async def test_it_is_private_durable_and_at_the_latest_schema(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "updater.db"
    assert schema_version(path) == 0
    async with open_database(path) as database:
        pragmas = await database.run(
            lambda db: [db.pragma(name) for name in ("journal_mode", "synchronous")]
        )
        assert pragmas == ["wal", 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert schema_version(path) == latest_version()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "updater.db"
    async with open_database(path) as database:
        await database.run(lambda db: db.pragma("user_version", 99))
    with pytest.raises(DatabaseTooNew):
        async with open_database(path):
            pass
    with pytest.raises(DatabaseTooNew):
        async with open_beside(path):
            pass


async def test_work_that_raises_leaves_nothing(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def half(db: apsw.Connection) -> None:
        db.execute("INSERT INTO cursors VALUES ('demo', 'x')")
        raise Stop

    async with open_database(tmp_path / "updater.db") as database:
        with pytest.raises(Stop):
            await database.run(half)
        count = await database.run(lambda db: db.execute("SELECT count(*) FROM cursors").fetchone())
        assert count == (0,)


async def test_a_full_disk_is_told_and_passes(tmp_path: Path) -> None:
    async with open_database(tmp_path / "updater.db") as database:
        pages = await database.run(lambda db: db.pragma("page_count"))
        await database.run(lambda db: db.pragma("max_page_count", pages))

        def fill(db: apsw.Connection) -> None:
            db.execute("INSERT INTO cursors VALUES ('demo', ?)", ("x" * 1_000_000,))

        with pytest.raises(StorageFull):
            await database.run(fill)
        await database.run(lambda db: db.pragma("max_page_count", 10_000))
        await database.run(fill)


async def test_one_may_look_beside_a_running_updater(tmp_path: Path) -> None:
    path = tmp_path / "updater.db"
    with pytest.raises(StoreUnavailable):
        async with open_beside(path):
            pass
    async with open_database(path), open_beside(path) as beside:
        assert await beside.run(lambda db: db.pragma("user_version")) == latest_version()
        with pytest.raises(apsw.ReadOnlyError):
            await beside.run(lambda db: db.execute("DELETE FROM cursors"))


@pytest.mark.parametrize("at", ["work", "commit"])
async def test_after_an_input_output_error_the_file_is_touched_no_more(
    tmp_path: Path, at: str
) -> None:
    path, heard = tmp_path / "updater.db", list[StoreBroken]()

    def fails(db: apsw.Connection) -> None:
        db.execute("INSERT INTO cursors VALUES ('demo', 'x')")
        if at == "work":
            raise apsw.IOError

        def at_commit() -> bool:
            raise apsw.IOError

        db.set_commit_hook(at_commit)

    async with open_database(path, heard.append) as database:
        with pytest.raises(StoreBroken):
            await database.run(fails)
        ran: list[int] = []
        with pytest.raises(StoreBroken):
            await database.run(lambda _db: ran.append(1))
        assert ran == []
        assert heard
    async with open_database(path) as database:
        count = await database.run(lambda db: db.execute("SELECT count(*) FROM cursors").fetchone())
        assert count == (0,)
