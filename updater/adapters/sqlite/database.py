"""One SQLite database, one connection, one thread, one process: WAL, synced at each commit."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

import apsw

from chassis.spans import step
from chassis.tracing.names import DB_SYSTEM
from updater.domain.errors import (
    DatabaseInUse,
    DatabaseTooNew,
    StorageFull,
    StoreBroken,
    StoreUnavailable,
    UpdaterError,
)

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]
Broken = Callable[[StoreBroken], None]
_BROKEN: Final = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError)
_SPAN: Final = {DB_SYSTEM: "sqlite"}
OLDEST_SQLITE: Final = (3, 51, 3)  # below it, a WAL reset may lose a commit
_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
)


class Database:
    """Runs work in transactions, one at a time. Made by `open_database` only."""

    __slots__ = ("_begin", "_broken", "_connection", "_failed", "_thread")

    def __init__(
        self,
        connection: apsw.Connection,
        thread: ThreadPoolExecutor,
        *,
        begin: str = "BEGIN IMMEDIATE",
        broken: Broken = lambda _fault: None,
    ) -> None:
        self._broken: Final = broken
        self._failed = False
        self._connection: Final = connection
        self._thread: Final = thread
        self._begin: Final = begin

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction; durable on return, and nothing of it done if it raises.

        Raises StorageFull and StoreUnavailable for what the database itself has to say. After a
        StoreBroken there is nothing but that: the file is touched no more.
        """
        loop = asyncio.get_running_loop()
        # Shielded: a caller that gives up must not leave a commit half known.
        with step("db.transact", "client", _SPAN):
            return await asyncio.shield(self._transacted(loop, work))

    async def _transacted(self, loop: asyncio.AbstractEventLoop, work: Work[T]) -> T:
        try:
            return await loop.run_in_executor(self._thread, self._transact, work)
        except StoreBroken as fault:
            self._broken(fault)
            raise

    def _transact(self, work: Work[T]) -> T:
        if self._failed:
            raise StoreBroken("the database failed before")
        try:
            with _transaction(self._connection, self._begin):
                return work(self._connection)
        except apsw.FullError:
            raise StorageFull("the disk is full") from None
        except (apsw.BusyError, apsw.LockedError):
            raise StoreUnavailable("the database does not answer") from None
        except _BROKEN:
            self._failed = True
            # Its close must not touch the log either: that is read, and mended, at the next start.
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            raise StoreBroken("the database failed") from None


@contextmanager
def _transaction(connection: apsw.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except _BROKEN:
        raise  # not even rolled back: nothing after a failed write or sync is known
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@asynccontextmanager
async def open_database(
    path: Path, broken: Broken = lambda _fault: None
) -> AsyncIterator[Database]:
    """Open, lock and migrate the database. Raises DatabaseInUse, DatabaseTooNew.

    `broken` is called, on the event loop, when the database has failed for good.
    """
    check_sqlite()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    loop = asyncio.get_running_loop()
    with _locked(path), ThreadPoolExecutor(1, thread_name_prefix="updater-db") as thread:
        connection = await loop.run_in_executor(thread, _connect, path)
        try:
            yield Database(connection, thread, broken=broken)
        finally:
            await loop.run_in_executor(thread, connection.close)


@asynccontextmanager
async def open_beside(path: Path, *, writable: bool = False) -> AsyncIterator[Database]:
    """Open a database that an updater may be using: to look, or for a single small change.

    It must exist and be at this release's schema. Raises StoreUnavailable, DatabaseTooNew.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="updater-db") as thread:
        connection = await loop.run_in_executor(thread, _connect_beside, path, writable)
        begin = "BEGIN IMMEDIATE" if writable else "BEGIN"
        try:
            yield Database(connection, thread, begin=begin)
        finally:
            await loop.run_in_executor(thread, connection.close)


def check_sqlite() -> None:
    """Refuse a SQLite that is known to lose commits."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST_SQLITE:
        raise UpdaterError("SQLite 3.51.3 or newer is needed")


def schema_version(path: Path) -> int:
    """Return the migration a database is at; 0 where there is none yet."""
    if not path.exists():
        return 0
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.pragma("user_version"))
    finally:
        connection.close()


def latest_version() -> int:
    """Return the newest migration that this release knows."""
    return len(_migrations())


def _connect(path: Path) -> apsw.Connection:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.close(descriptor)
    connection = apsw.Connection(str(path))
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    _migrate(connection)
    return connection


def _connect_beside(path: Path, writable: bool) -> apsw.Connection:  # noqa: FBT001
    flags = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
    try:
        connection = apsw.Connection(str(path), flags=flags)
        connection.execute(_PRAGMAS[0])
        version = int(connection.pragma("user_version"))
    except (apsw.CantOpenError, apsw.NotADBError):
        raise StoreUnavailable("there is no updater database here") from None
    if version != latest_version():
        connection.close()
        raise DatabaseTooNew("the database has another release's schema: run migrate")
    return connection


def _migrate(connection: apsw.Connection) -> None:
    scripts = _migrations()
    at = int(connection.pragma("user_version"))
    if at > len(scripts):
        raise DatabaseTooNew("a newer release has migrated this database")
    for number, script in enumerate(scripts[at:], start=at + 1):
        with _transaction(connection):  # each migration whole or not at all
            connection.execute(script)
            connection.execute(f"PRAGMA user_version = {number}")


def _migrations() -> Sequence[str]:
    folder = files("updater.adapters.sqlite").joinpath("migrations")
    scripts = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=str)
    return [script.read_text(encoding="utf-8") for script in scripts]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the database for this process; the lock goes with the process, however it ends."""
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatabaseInUse("another updater process holds this database") from None
        yield
    finally:
        os.close(lock)
