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

from chassis.postgres.address import Address
from chassis.postgres.faults import DRIVER, translated, translated_write
from chassis.postgres.leader import Leader, Lively
from chassis.spans import step
from chassis.store_errors import CommitInDoubt, StoreUnavailable, UnsuitableDatabase
from chassis.tracing.names import DB_SYSTEM

T = TypeVar("T")
Rows = list[Sequence[Any]]
_SPAN: Final = {DB_SYSTEM: "postgresql"}  # never a statement, which would be told with its values


class Quick(Lively):
    """A pooled connection without state to reset: giving it back costs no round trip."""

    def get_reset_query(self) -> str:
        """Return nothing: no listener, lock, cursor or setting is ever left behind."""
        return ""


async def open_pool(address: Address, leader: Leader | None = None) -> asyncpg.Pool:
    """Open connections for reads, which may be timed out. Raises StoreError.

    `leader` is one store's own: once it finds another host, connections to the last one end.
    """
    leader = leader or Leader(address)

    async def connect(*_address: object, **_options: object) -> asyncpg.Connection:
        return await leader.connect(Quick, listing=True)

    try:
        pool = await asyncpg.create_pool(
            connect=connect, connection_class=Quick, min_size=1, max_size=address.connections
        )
    except DRIVER as error:
        raise translated(error) from None
    leader.on_moved(pool.expire_connections)
    return pool


class Reads:
    """Short reads from the pool."""

    def __init__(self, pool: asyncpg.Pool, address: Address) -> None:
        self._pool: Final = pool
        self._address: Final = address

    async def rows(self, sql: str, values: Sequence[Any]) -> Rows:
        """Return all rows of a statement. Raises StoreError."""
        try:
            with step("db.query", "client", _SPAN):
                async with self._pool.acquire(timeout=self._address.connect_s) as db:
                    rows: Rows = await db.fetch(sql, *values, timeout=self._address.flush_s)
                    return rows
        except UnsuitableDatabase as error:  # found on reconnecting: at the start it is told
            raise StoreUnavailable(str(error)) from None
        except DRIVER as error:
            raise translated(error) from None


class Link:
    """One connection, used by one at a time, made again when it is lost."""

    def __init__(self, address: Address, leader: Leader | None = None) -> None:
        self._address: Final = address
        self._leader: Final = leader or Leader(address)
        self._turn: Final = asyncio.Lock()
        self._db: asyncpg.Connection | None = None
        self._warned = False

    async def read(self, sql: str, values: Sequence[Any]) -> Rows:
        """Read in one round trip. Raises StoreError."""
        async with self._turn:
            db = await self._connected()
            try:
                with step("db.read", "client", _SPAN):
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
            await db.fetch(first[0], *first[1])
            rows: Rows = await db.fetch(sql, *values)
            return rows

        return await self.transact(both)

    async def transact(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do `work` in one transaction, durable on return. Raises StoreError, and what it raises.

        What `work` raises ends the transaction without an effect.
        """

        async def whole(db: asyncpg.Connection) -> T:
            async with db.transaction():
                return await work(db)

        return await self._write(whole)

    async def close(self) -> None:
        """Close in order, or at once where the server does not answer."""
        async with self._turn:
            db, self._db = self._db, None
            if db is not None and not db.is_closed():
                try:
                    await db.close(timeout=self._address.connect_s)
                except DRIVER:
                    db.terminate()

    async def _write(self, job: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async with self._turn:
            db = await self._connected()
            self._warned = False
            try:
                with step("db.write", "client", _SPAN):
                    done = await self._unhurried(db, job(db))
            except DRIVER as error:
                raise self._judged(translated_write(error)) from None
            if self._warned:
                raise self._judged(CommitInDoubt("the server warned: committed here alone"))
            return done

    async def _connected(self) -> asyncpg.Connection:
        db = self._db
        if db is not None and not db.is_closed():
            return db
        try:
            db = await self._leader.connect()
        except UnsuitableDatabase as error:
            raise StoreUnavailable(str(error)) from None
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
