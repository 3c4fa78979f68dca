"""Opening the embedded store with all its ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from vault.adapters.engine import Engine
from vault.adapters.sqlite.database import CHECKPOINT_PAGES, Database, open_database
from vault.adapters.sqlite.housekeeping import SqliteHousekeeping
from vault.adapters.sqlite.outbox import SqliteOutbox
from vault.adapters.sqlite.store import SqliteCardReader, SqliteStore
from vault.adapters.sqlite.trail import SqliteAuditStore, SqliteKeyStore
from vault.usecases.ports import StoreBroken


@asynccontextmanager
async def open_sqlite(
    path: Path,
    *,
    vfs: str | None = None,
    broken: Callable[[StoreBroken], None] = lambda _fault: None,
    checkpoint_pages: int = CHECKPOINT_PAGES,
) -> AsyncIterator[Engine]:
    """Lock, open and migrate the database at `path`, and close it on exit.

    Raises DatabaseInUse where another process serves it, UnsuitableSqlite where this SQLite or
    file will not do. `broken` is called once, on the event loop, when the database fails for good.
    """
    async with open_database(
        path, vfs=vfs, broken=broken, checkpoint_pages=checkpoint_pages
    ) as database:
        yield engine_over(database)


def engine_over(database: Database) -> Engine:
    """Return all ports over an opened database."""
    return Engine(
        store=SqliteStore(database),
        reader=SqliteCardReader(database),
        files=SqliteCardReader(database),
        housekeeping=SqliteHousekeeping(database),
        audit=SqliteAuditStore(database),
        outbox=SqliteOutbox(database),
        keys=SqliteKeyStore(database),
    )
