"""Opening SQLite with all its ports: to work with it alone, or beside the process that does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from updater.adapters.engine import Bench, Engine
from updater.adapters.sqlite.database import Broken, Database, open_beside, open_database
from updater.adapters.sqlite.enrolments import SqliteEnrolments
from updater.adapters.sqlite.feeds import SqliteFeeds
from updater.adapters.sqlite.incidents import SqliteIncidents
from updater.adapters.sqlite.inquiries import SqliteInquiries
from updater.adapters.sqlite.outbox import SqliteOutbox, Teller
from updater.adapters.sqlite.pauses import SqlitePauses
from updater.adapters.sqlite.requests import SqliteRequests
from updater.domain.events import Encode
from updater.usecases.duty import Alone


@asynccontextmanager
async def open_sqlite(
    path: Path, encode: Encode = None, broken: Broken = lambda _fault: None
) -> AsyncIterator[Engine]:
    """Open, lock and migrate the database. Raises DatabaseInUse, DatabaseTooNew.

    Without `encode` nothing is told of: no outbox is kept. `broken` hears of a database that has
    failed for good.
    """
    async with open_database(path, broken) as database:
        yield engine_of(database, encode)


@asynccontextmanager
async def open_sqlite_beside(
    path: Path, encode: Encode = None, *, writable: bool = False
) -> AsyncIterator[Engine]:
    """Open it to look, or for a single small change. Raises StoreUnavailable, DatabaseTooNew."""
    async with open_beside(path, writable=writable) as database:
        yield engine_of(database, encode)


def engine_of(database: Database, encode: Encode = None) -> Engine:
    """Return all ports over an opened database: one process, which has every piece of work."""
    tell = Teller(encode)
    bench = Bench(
        enrolments=SqliteEnrolments(database),
        inquiries=SqliteInquiries(database, tell),
        feeds=SqliteFeeds(database, tell),
        incidents=SqliteIncidents(database),
        pauses=SqlitePauses(database),
        duty=Alone(),
    )
    return Engine(
        enrolments=bench.enrolments,
        inquiries=bench.inquiries,
        feeds=bench.feeds,
        incidents=bench.incidents,
        pauses=bench.pauses,
        requests=SqliteRequests(database),
        outbox=SqliteOutbox(database),
        bench=lambda _name: bench,
    )
