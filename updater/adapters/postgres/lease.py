"""The lease on the work: one process of several has it, and a number that only ever grows.

The number is the fence: whoever takes the lease counts it up, and every transaction of the worker
compares it before anything else, which locks the lease's row. So a process that was paused for
longer than the lease finds its next write refused, however late it wakes up; and a takeover waits
for a transaction that is under way. Clocks decide only how soon a lease is taken over.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any, Final

import asyncpg
import structlog

from chassis.postgres.connection import Link
from chassis.postgres.sql import NOW
from chassis.store_errors import StoreError
from updater.domain.errors import StandsBy, StoreUnavailable

SPAN_S: Final = 15.0
"""Longer than a transaction is ever waited for, so that none outlives its lease."""
TAKE: Final = (
    f"UPDATE leases SET holder = $1, fence = fence + 1, until = {NOW} + $2"  # noqa: S608
    f" WHERE name = 'worker' AND (until <= {NOW} OR holder = $1) RETURNING fence"
)
RENEW: Final = (
    f"UPDATE leases SET until = greatest(until, {NOW} + $2)"  # noqa: S608 - constants only
    " WHERE name = 'worker' AND fence = $1 RETURNING fence"
)
RELEASE: Final = "UPDATE leases SET until = 0 WHERE name = 'worker' AND fence = $1"
_log = structlog.get_logger("updater")


class Lease:
    """`Duty`, and what a transaction compares. `span_s`: how long the lease lasts, in seconds."""

    def __init__(self, link: Link, span_s: float = SPAN_S) -> None:
        self._link: Final = link
        self._span_s: Final = span_s
        self._holder: Final = secrets.token_hex(8)
        self._on: Final = asyncio.Event()
        self._off: Final = asyncio.Event()
        self._off.set()
        self._fence = 0
        self._until = 0.0

    @property
    def fence(self) -> int:
        """Return the number under which this process works. Raises StandsBy."""
        if self._on.is_set() and time.monotonic() >= self._until:
            self._lose()
        if not self._on.is_set():
            raise StandsBy("another updater process does the work")
        return self._fence

    async def taken(self) -> None:
        """Wait until the lease is this process's."""
        await self._on.wait()

    async def lost(self) -> None:
        """Wait until it is no more."""
        await self._off.wait()

    async def confirm(self) -> None:
        """Ask the database whether this process still works. Raises StandsBy, StoreUnavailable."""
        fence, asked = self.fence, time.monotonic()
        try:
            self._judge(fence, asked, await self._link.write(RENEW, (fence, self._span_us)))
        except StoreError:
            raise StoreUnavailable("the database does not answer") from None

    async def compare(self, db: asyncpg.Connection) -> None:
        """Compare the number inside a transaction, and lock the lease. Raises StandsBy."""
        fence, asked = self.fence, time.monotonic()
        self._judge(fence, asked, await db.fetch(RENEW, fence, self._span_us))

    async def turn(self) -> None:
        """Renew the lease, or try to take it."""
        asked = time.monotonic()
        if self._on.is_set() and self._until - asked > self._span_s / 2:
            return  # a transaction has renewed it
        try:
            if self._on.is_set():
                rows = await self._link.write(RENEW, (self._fence, self._span_us))
                if not rows:
                    self._lose()
            else:
                rows = await self._link.write(TAKE, (self._holder, self._span_us))
                if rows:
                    self._take(int(rows[0][0]))
            if rows:
                self._until = asked + self._span_s
        except StoreError as error:
            _log.warning("lease not renewed", kind=type(error).__name__)
            if self._on.is_set() and time.monotonic() >= self._until:
                self._lose()

    async def keep(self) -> None:
        """Take turns until cancelled."""
        while True:
            await asyncio.sleep(self._span_s / 5)
            await self.turn()

    async def release(self) -> None:
        """Give the lease back, so that another process takes over at once."""
        if self._on.is_set():
            fence = self._fence
            self._lose()
            try:
                await self._link.write(RELEASE, (fence,))
            except StoreError as error:
                _log.warning("lease not given back", kind=type(error).__name__)

    @property
    def _span_us(self) -> int:
        return int(self._span_s * 1_000_000)

    def _judge(self, fence: int, asked: float, rows: list[Any]) -> None:
        """Take note of an answer to RENEW: a row if the fence still stands. Raises StandsBy."""
        if not rows:
            if fence == self._fence:
                self._lose()
            raise StandsBy("another updater process has taken over")
        if fence == self._fence:
            self._until = max(self._until, asked + self._span_s)

    def _take(self, fence: int) -> None:
        self._fence = fence
        self._off.clear()
        self._on.set()

    def _lose(self) -> None:
        self._on.clear()
        self._off.set()
