"""Connections: what is asked of the server, and a link whose lost answers are never guessed.

A statement that writes is sent whole and commits by itself. No asyncpg time-out is on it: that
would cancel on the server, and a cancel that lands in the wait for a standby reports success for
what is durable here alone. Instead `lock_timeout` bounds what can wait before the commit, and a
link that takes too long is dropped, its outcome in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from vault.adapters.postgres.address import Address
from vault.adapters.postgres.faults import DRIVER, translated, translated_write
from vault.usecases.ports import CommitInDoubt, StoreUnavailable

T = TypeVar("T")
Rows = list[Sequence[Any]]

# A plan that was made while a table was empty, right after an ANALYZE, walks all of it. The server
# makes it again when it has analysed the grown table; this is sooner, at two round trips a time.
PREPARED_S: Final = 10.0
STATEMENTS: Final = 512  # kept prepared, per connection: a flush's text names only what it has


class Quick(asyncpg.Connection):  # type: ignore[misc]
    """A pooled connection without state to reset: giving it back costs no round trip."""

    def get_reset_query(self) -> str:
        """Return nothing: no listener, lock, cursor or setting is ever left behind."""
        return ""


async def open_pool(address: Address) -> asyncpg.Pool:
    """Open connections for reads, which may be timed out. Raises StoreError."""
    try:
        return await asyncpg.create_pool(
            address.dsn,
            min_size=1,
            max_size=address.connections,
            connection_class=Quick,
            statement_cache_size=STATEMENTS,
            max_cached_statement_lifetime=PREPARED_S,
            command_timeout=address.flush_s,
            timeout=address.connect_s,
            server_settings=address.settings(listing=True),
            target_session_attrs="read-write",
        )
    except DRIVER as error:
        raise translated(error) from None


async def pooled(pool: asyncpg.Pool, address: Address, sql: str, values: Sequence[Any]) -> Rows:
    """Read from the pool. Raises StoreError."""
    try:
        async with pool.acquire(timeout=address.connect_s) as db:
            rows: Rows = await db.fetch(sql, *values)
            return rows
    except DRIVER as error:
        raise translated(error) from None


class Link:
    """One connection, used by one at a time, made again when it is lost."""

    def __init__(self, address: Address) -> None:
        self._address: Final = address
        self._turn: Final = asyncio.Lock()
        self._db: asyncpg.Connection | None = None
        self._warned = False

    async def read(self, sql: str, values: Sequence[Any]) -> Rows:
        """Read in one round trip. Raises StoreError."""
        async with self._turn:
            db = await self._connected()
            try:
                rows: Rows = await self._unhurried(db, db.fetch(sql, *values))
            except DRIVER as error:
                raise self._judged(translated(error)) from None
            return rows

    async def write(self, sql: str, values: Sequence[Any]) -> Rows:
        """Send a statement that commits by itself. Raises StoreError."""
        return await self._write(lambda db: db.fetch(sql, *values))

    async def write_behind(
        self, first: tuple[str, Sequence[Any]], sql: str, values: Sequence[Any]
    ) -> Rows:
        """Write behind a statement that takes locks, and see what was committed before them."""

        async def both(db: asyncpg.Connection) -> Rows:
            async with db.transaction():
                await db.fetch(first[0], *first[1])
                rows: Rows = await db.fetch(sql, *values)
                return rows

        return await self._write(both)

    async def close(self) -> None:
        """Close in order, or at once where the server does not answer."""
        async with self._turn:
            db, self._db = self._db, None
            if db is not None and not db.is_closed():
                try:
                    await db.close(timeout=self._address.connect_s)
                except DRIVER:
                    db.terminate()

    async def _write(self, job: Callable[[asyncpg.Connection], Awaitable[Rows]]) -> Rows:
        async with self._turn:
            db = await self._connected()
            self._warned = False
            try:
                rows = await self._unhurried(db, job(db))
            except DRIVER as error:
                raise self._judged(translated_write(error)) from None
            if self._warned:
                raise self._judged(CommitInDoubt("the server warned: committed here alone"))
            return rows

    async def _connected(self) -> asyncpg.Connection:
        db = self._db
        if db is not None and not db.is_closed():
            return db
        try:
            db = await asyncpg.connect(
                self._address.dsn,
                timeout=self._address.connect_s,
                statement_cache_size=STATEMENTS,
                max_cached_statement_lifetime=PREPARED_S,
                server_settings=self._address.settings(),
                target_session_attrs="read-write",
            )
        except DRIVER as error:
            fault = translated(error)
            raise StoreUnavailable("no connection: " + str(fault)) from None
        db.add_log_listener(self._heard)
        self._db = db
        return db

    def _heard(self, _db: object, message: asyncpg.PostgresLogMessage) -> None:
        """Take note of a warning: a wait for the standby that was given up says no more."""
        if message.severity_en == "WARNING":
            self._warned = True

    async def _unhurried(self, db: asyncpg.Connection, work: Awaitable[T]) -> T:
        """Await `work` without ever cancelling it; past the limit, or cancelled, drop the link."""
        task = asyncio.ensure_future(work)
        try:
            done, _waiting = await asyncio.wait([task], timeout=self._address.flush_s)
        except asyncio.CancelledError:
            self._drop(db)
            await asyncio.wait([task])
            task.exception()
            raise
        if not done:
            self._drop(db)
            await asyncio.wait([task])
        return task.result()

    def _judged(self, fault: Exception) -> Exception:
        """Keep the link only where the server has said that the statement alone failed."""
        if isinstance(fault, StoreUnavailable | CommitInDoubt) and self._db is not None:
            self._drop(self._db)
        return fault

    def _drop(self, db: asyncpg.Connection) -> None:
        if self._db is db:
            self._db = None
        db.terminate()
