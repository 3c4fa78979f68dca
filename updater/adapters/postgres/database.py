"""Transactions of the updater: those of the worker under its lease, and small ones of anybody."""

from __future__ import annotations

import asyncio
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
SETTLE: Final = "SELECT fence FROM leases WHERE name = 'worker' FOR UPDATE"


class Database:
    """Reads from the pool, and transactions, one at a time. Made by `open_postgres` only.

    Everything raises StorageFull and StoreUnavailable. A transaction whose outcome is not known
    raises StoreUnavailable, too; reads wait until it is decided, so that a flow that starts again
    finds what is true.
    """

    def __init__(self, reads: Reads, work: Link, beside: Link, lease: Lease) -> None:
        self._reads: Final = reads
        self._work: Final = work
        self._beside: Final = beside
        self._lease: Final = lease
        self._in_doubt = False

    async def rows(self, sql: str, *values: Any) -> Rows:
        """Return all rows of a statement that changes nothing."""
        try:
            await self._settle()
            return await self._reads.rows(sql, values)
        except StoreError as error:
            raise told(error) from None

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction of the worker. Raises StandsBy where another one works."""

        async def fenced(db: asyncpg.Connection) -> T:
            await self._lease.compare(db)
            return await work(db)

        try:
            await self._settle()
            return await self._work.transact(fenced)
        except (CommitInDoubt, asyncio.CancelledError) as error:
            self._in_doubt = True  # whatever else is raised has ended the transaction
            if isinstance(error, CommitInDoubt):
                raise told(error) from None
            raise
        except StoreError as error:
            raise told(error) from None

    async def run_beside(self, work: Work[T]) -> T:
        """Run `work` in a transaction that any process may make.

        It changes single rows, by what they are at that moment; a retry after doubt finds its own.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return await self._beside.transact(work)
            except Conflict as error:
                if attempt == _ATTEMPTS - 1:
                    raise told(error) from None
            except StoreError as error:
                raise told(error) from None
        raise AssertionError("the last attempt returns or raises")

    async def _settle(self) -> None:
        """Wait until a transaction that was lost has ended one way or the other."""
        if self._in_doubt:
            await self._work.read(SETTLE, ())
            self._in_doubt = False


def told(error: StoreError) -> Exception:
    """Return a store's trouble in the updater's words; a value's fault stays what it is."""
    if isinstance(error, DataFault):
        return error
    if isinstance(error, StoreFull):
        return StorageFull("the disk is full")
    return StoreUnavailable("the database does not answer")
