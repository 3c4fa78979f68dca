"""Transactions of the updater: those of a bench under its lease, and small ones of anybody."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg

from chassis.postgres.connection import Link, Reads, Rows
from chassis.store_errors import CommitInDoubt, Conflict, DataFault, StoreError, StoreFull
from updater.adapters.postgres.lease import Lease
from updater.domain.errors import StorageFull, StoreUnavailable

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]
_ATTEMPTS: Final = 3
# Whatever a lost transaction of ours still does on the server, it does with this row locked.
SETTLE: Final = "SELECT fence FROM leases WHERE name = $1 FOR UPDATE"


class Database(ABC):
    """Reads, and transactions. Everything raises StorageFull and StoreUnavailable.

    A transaction whose outcome is not known raises StoreUnavailable, too. One that gave way to
    another, as in a deadlock, is done again.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads: Final = reads

    async def rows(self, sql: str, *values: Any) -> Rows:
        """Return all rows of a statement that changes nothing."""
        try:
            return await self._reads.rows(sql, values)
        except StoreError as error:
            raise told(error) from None

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction, durable on return."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self._transact(work)
            except Conflict as error:
                if attempt == _ATTEMPTS - 1:
                    raise told(error) from None
            except StoreError as error:
                raise told(error) from None
        raise AssertionError("the last attempt returns or raises")

    @abstractmethod
    async def _transact(self, work: Work[T]) -> T:
        """Run `work` once. Raises StoreError."""


class Plain(Database):
    """Transactions that any process may make.

    They change single rows, by what those are at that moment; a retry after doubt finds its own.
    """

    def __init__(self, reads: Reads, link: Link) -> None:
        super().__init__(reads)
        self._link: Final = link

    async def _transact(self, work: Work[T]) -> T:
        return await self._link.transact(work)


class Fenced(Database):
    """Transactions of a bench, one at a time. Raises StandsBy where another process has its work.

    After one whose outcome is not known, reads wait until it is decided, so that a flow that starts
    again finds what is true.
    """

    def __init__(self, reads: Reads, link: Link, lease: Lease) -> None:
        super().__init__(reads)
        self._link: Final = link
        self._lease: Final = lease
        self._in_doubt = False

    async def rows(self, sql: str, *values: Any) -> Rows:
        """Return all rows of a statement that changes nothing."""
        try:
            await self._settle()
        except StoreError as error:
            raise told(error) from None
        return await super().rows(sql, *values)

    async def _transact(self, work: Work[T]) -> T:
        async def fenced(db: asyncpg.Connection) -> T:
            await self._lease.compare(db)
            return await work(db)

        await self._settle()
        try:
            return await self._link.transact(fenced)
        except (CommitInDoubt, asyncio.CancelledError):
            self._in_doubt = True  # whatever else is raised has ended the transaction
            raise

    async def _settle(self) -> None:
        """Wait until a transaction that was lost has ended one way or the other."""
        if self._in_doubt:
            await self._link.read(SETTLE, (self._lease.name,))
            self._in_doubt = False


def told(error: StoreError) -> Exception:
    """Return a store's trouble in the updater's words; a value's fault stays what it is."""
    if isinstance(error, DataFault):
        return error
    if isinstance(error, StoreFull):
        return StorageFull("the disk is full")
    return StoreUnavailable("the database does not answer")
