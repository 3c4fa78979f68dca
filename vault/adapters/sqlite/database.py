"""One open database: a writer thread, a reader on the event loop, a reader for long answers.

Once anything fails that is neither a full disk nor a passing trouble, the database is broken: it
answers nothing any more, touches the file no more, and tells whoever opened it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from chassis.spans import step
from chassis.tracing.names import DB_SYSTEM
from vault.adapters.sqlite.connection import migrate, open_reader, open_writer
from vault.adapters.sqlite.faults import translated
from vault.adapters.sqlite.lock import exclusive
from vault.adapters.sqlite.worker import Worker
from vault.usecases.ports import StoreBroken, StoreFull, StoreUnavailable

T = TypeVar("T")
Job = Callable[[apsw.Connection], T]

_SPAN = {DB_SYSTEM: "sqlite"}
CHECKPOINT_PAGES = 2_000  # 8 MiB of log: a checkpoint of it holds the writer up for some ms


MOST_LOG_PAGES = 2_500
"""Pages that the log may come to while the disk is too full for a checkpoint.

From 4,062 on SQLite makes the log's index (-shm) longer, at a commit whose pages are synced by
then: on a full disk that is an I/O error, and nobody knows what became of the commit. So there is
room left for a large flush, of 1,500 pages."""


class Database:
    """Use `open_database()`. Reads show what is committed and synced, and nothing else."""

    def __init__(
        self, path: Path, vfs: str | None, broken: Callable[[StoreBroken], None], pages: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = broken
        self._error: StoreBroken | None = None
        self._checkpoint_pages = pages
        self._log_pages = 0
        self._full = False  # the last checkpoint found no room
        self._writer = open_writer(path, vfs)
        migrate(self._writer)
        self._writer.set_wal_hook(self._committed)
        self._inline = open_reader(path, vfs)
        self._aside = open_reader(path, vfs)
        self._at_work = threading.Lock()  # held by whoever uses the writer's connection
        self._writing = Worker("cardvault-writer")
        self._reading = Worker("cardvault-reader")

    async def write(self, job: Job[T]) -> T:
        """Run `job` in one durable transaction on the writer thread.

        Raises one of the ports' errors; whatever `job` wrote is then rolled back.
        """
        self._refuse_if_broken()
        with step("db.write", "client", _SPAN):
            return await self._writing.run(lambda: self._transaction(job), self._checkpoint_if_due)

    def read(self, job: Job[T]) -> T:
        """Run a short read in one snapshot, here and now: cached pages cost microseconds.

        While the writer rests its connection is read from, which has made all changes itself and
        keeps its pages. Another one forgets all of them at each commit that is not its own.
        """
        self._refuse_if_broken()
        with step("db.read", "client", _SPAN):
            if not self._at_work.acquire(blocking=False):
                return self._snapshot(self._inline, job)
            try:
                self._refuse_if_broken()  # it may have been the writer's last act
                return self._snapshot(self._writer, job)
            finally:
                self._at_work.release()

    async def query(self, job: Job[T]) -> T:
        """Run a read that may take long, on its own thread."""
        self._refuse_if_broken()
        with step("db.query", "client", _SPAN):
            return await self._reading.run(lambda: self._snapshot(self._aside, job))

    async def close(self) -> None:
        """Finish what was handed over, empty the log into the database, and close."""
        try:
            await self._writing.run(self._empty_log)
        finally:
            await self._writing.close()
            await self._reading.close()
            for db in (self._aside, self._inline, self._writer):
                db.close()

    def _refuse_if_broken(self) -> None:
        if self._error is not None:
            raise StoreBroken("the database failed before")

    def _transaction(self, job: Job[T]) -> T:
        with self._at_work:
            self._refuse_if_broken()
            self._refuse_if_full()
            db = self._writer
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    result = job(db)
                    db.execute("COMMIT")
                except apsw.IOError:
                    raise  # not even rolled back: nothing after a failed write or sync is known
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            except Exception as error:  # noqa: BLE001 - told in the port's words, below
                raise self._judged(error) from None
            return result

    def _refuse_if_full(self) -> None:
        """Write nothing more into a long log that the disk has no room to empty. Raises StoreFull.

        The next write tries again: with room, a checkpoint empties the log and all goes on.
        """
        if self._full and self._log_pages >= MOST_LOG_PAGES:
            self._copy_log(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._refuse_if_broken()
            if self._full:
                raise StoreFull("no room on the disk to empty the log")

    def _snapshot(self, db: apsw.Connection, job: Job[T]) -> T:
        try:
            db.execute("BEGIN")
            try:
                return job(db)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except Exception as error:  # noqa: BLE001 - told in the port's words, below
            raise self._judged(error) from None

    def _judged(self, error: Exception) -> Exception:
        fault = translated(error)
        if isinstance(fault, StoreBroken):
            self._break(fault)
        return fault

    def _break(self, fault: StoreBroken) -> None:
        if self._error is None:
            self._error = fault
            self._loop.call_soon_threadsafe(self._told, fault)

    def _committed(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint_if_due(self) -> None:
        """Copy the log into the database between two flushes; the last one is answered already."""
        if self._error is not None or self._log_pages < self._checkpoint_pages:
            return
        # Passive: it waits for no reader. One in the way only lets the log grow until it is done.
        self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _checkpoint(self, mode: int) -> None:
        with self._at_work:
            self._copy_log(mode)

    def _copy_log(self, mode: int) -> None:
        """Copy the log into the database, as far as may be. The caller is at work."""
        try:
            logged, copied = self._writer.wal_checkpoint(mode=mode)
        except Exception as error:  # noqa: BLE001 - told in the port's words
            fault = self._judged(error)
            self._full = isinstance(fault, StoreFull)
            if not isinstance(fault, StoreBroken | StoreFull | StoreUnavailable):
                self._break(StoreBroken("checkpoint"))
            return  # a full disk or a reader in the way: the log keeps everything meanwhile
        self._full = False
        if logged == copied:
            self._log_pages = 0  # the next commit starts the log over

    def _empty_log(self) -> None:
        if self._error is None:  # else nothing is touched any more, and who has to know does
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)


@asynccontextmanager
async def open_database(
    path: Path,
    *,
    vfs: str | None = None,
    broken: Callable[[StoreBroken], None] = lambda _fault: None,
    checkpoint_pages: int = CHECKPOINT_PAGES,
) -> AsyncIterator[Database]:
    """Lock, open and migrate a database; close it on exit.

    Raises DatabaseInUse where another process serves it, UnsuitableSqlite where this SQLite or
    file will not do, StoreBroken where the file is damaged. `broken` is called once, on the event
    loop, when the database fails.
    """
    with exclusive(path):
        try:
            database = Database(path, vfs, broken, checkpoint_pages)
        except apsw.Error as error:
            raise translated(error) from None
        try:
            yield database
        finally:
            await database.close()
