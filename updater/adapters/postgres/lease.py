"""A lease on a piece of work: one process of several has it, and a number that only ever grows.

The number is the fence: whoever takes the lease counts it up, and every transaction of that work
compares it before anything else, which locks the lease's row. So a process that was paused for
longer than the lease finds its next write refused, however late it wakes up; and nobody takes over
while a transaction is under way. Clocks decide only how soon a lease is taken over.

How processes share several leases is in `leases.py` and `sharing.py`.
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
# What is locked is in use, and left alone: all leases of a process take turns on one connection.
# (An insert that conflicts would wait for the lock, too.)
MAKE: Final = (
    "INSERT INTO leases SELECT $1, '', 0, 0"
    " WHERE NOT EXISTS (SELECT FROM leases WHERE name = $1) ON CONFLICT DO NOTHING"
)
TAKE: Final = (
    f"UPDATE leases SET holder = $2, fence = fence + 1, until = {NOW} + $3 WHERE name ="  # noqa: S608
    f" (SELECT name FROM leases WHERE name = $1 AND (until <= {NOW} OR holder = $2)"
    " FOR UPDATE SKIP LOCKED) RETURNING fence"
)
RENEW: Final = (
    f"UPDATE leases SET until = greatest(until, {NOW} + $3)"  # noqa: S608 - constants only
    " WHERE name = $1 AND fence = $2 RETURNING fence"
)
RENEW_IF_FREE: Final = (
    "WITH free AS (SELECT name FROM leases WHERE name = $1 AND fence = $2"  # noqa: S608
    " FOR UPDATE SKIP LOCKED), renewed AS (UPDATE leases AS l"
    f" SET until = greatest(l.until, {NOW} + $3) FROM free WHERE l.name = free.name RETURNING 1)"
    " SELECT l.fence, EXISTS (SELECT FROM renewed) FROM leases AS l WHERE l.name = $1"
)
RELEASE: Final = "UPDATE leases SET until = 0 WHERE name = $1 AND fence = $2"
_log = structlog.get_logger("updater")


class Lease:
    """`Duty`, and what a transaction compares. `span_s`: how long the lease lasts, in seconds."""

    def __init__(self, name: str, link: Link, span_s: float = SPAN_S, holder: str = "") -> None:
        self.name: Final = name
        self._link: Final = link
        self._span_s: Final = span_s
        self._made = False
        self._holder: Final = holder or secrets.token_hex(8)
        self._wanted: Final = asyncio.Event()
        self._on: Final = asyncio.Event()
        self._off: Final = asyncio.Event()
        self._off.set()
        self._leaving = False
        self._fence = 0
        self._until = 0.0

    @property
    def fence(self) -> int:
        """Return the number under which this process works. Raises StandsBy."""
        self._run_out()
        if not self._on.is_set():
            raise StandsBy("another updater process does the work")
        return self._fence

    async def taken(self) -> None:
        """Wait until the lease is this process's."""
        await self._on.wait()

    async def lost(self) -> None:
        """Wait until it is no more."""
        await self._off.wait()

    async def wanted(self) -> None:
        """Wait until another process is to have it, as soon as the work can be left."""
        await self._wanted.wait()

    def want(self, *, wanted: bool) -> None:
        """Say that another process is to have it, or no more."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def confirm(self) -> None:
        """Ask the database whether this process still works. Raises StandsBy, StoreUnavailable."""
        fence, asked = self.fence, time.monotonic()
        try:
            self._judge(
                fence, asked, await self._link.write(RENEW, (self.name, fence, self._span_us))
            )
        except StoreError:
            raise StoreUnavailable("the database does not answer") from None

    async def compare(self, db: asyncpg.Connection) -> None:
        """Compare the number inside a transaction, and lock the lease. Raises StandsBy."""
        fence, asked = self.fence, time.monotonic()
        self._judge(fence, asked, await db.fetch(RENEW, self.name, fence, self._span_us))

    @property
    def held(self) -> bool:
        """Tell whether this process has the lease, as far as it knows."""
        return self._on.is_set()

    async def turn(self) -> None:
        """Renew the lease, or try to take it; a row that is locked is left for the next turn."""
        if self._leaving:
            return
        try:
            if self.held:
                await self._renew()
            else:
                await self._ask()
        except StoreError as error:
            _log.warning("lease not renewed", lease=self.name, error_type=type(error).__name__)
            self._run_out()

    async def _renew(self) -> None:
        fence, asked = self._fence, time.monotonic()
        if self._until - asked > self._span_s / 2:
            return  # a transaction has renewed it
        values = (self.name, fence, self._span_us)
        rows = await self._link.write(RENEW_IF_FREE, values)
        if not rows or int(rows[0][0]) != fence:
            self._judge_lost(fence)
        elif rows[0][1]:
            self._extend(fence, asked)
        else:  # a transaction of our own has it locked, and renews it as it goes
            self._run_out()

    async def _ask(self) -> None:
        if not self._made:
            await self._link.write(MAKE, (self.name,))
            self._made = True
        asked = time.monotonic()
        rows = await self._link.write(TAKE, (self.name, self._holder, self._span_us))
        if rows:
            self._until = asked + self._span_s
            self._take(int(rows[0][0]))

    async def hand_over(self) -> bool:
        """Leave the work to another process now, if that still is to have it; tell whether."""
        if not self._wanted.is_set():
            return False
        self._leaving = True  # until this has ended nobody may renew it
        try:
            # Before it is lost here: whoever waits for that cancels this.
            await self._give_back(self._fence)
        finally:
            self._leaving = False
        self._lose()
        return True

    async def release(self) -> None:
        """Give the lease back, so that another process takes over at once."""
        if self.held:
            fence = self._fence
            self._lose()
            await self._give_back(fence)

    async def _give_back(self, fence: int) -> None:
        try:
            await self._link.write(RELEASE, (self.name, fence))
        except StoreError as error:
            problem = type(error).__name__
            _log.warning("lease not given back", lease=self.name, error_type=problem)

    @property
    def _span_us(self) -> int:
        return int(self._span_s * 1_000_000)

    def _judge(self, fence: int, asked: float, rows: list[Any]) -> None:
        """Take note of an answer to RENEW: a row if the fence still stands. Raises StandsBy."""
        if not rows:
            self._judge_lost(fence)
            raise StandsBy("another updater process has taken over")
        self._extend(fence, asked)

    def _judge_lost(self, fence: int) -> None:
        if fence == self._fence:
            self._lose()

    def _extend(self, fence: int, asked: float) -> None:
        if fence == self._fence:
            self._until = max(self._until, asked + self._span_s)

    def _run_out(self) -> None:
        """Lose the lease if its time is over."""
        if self.held and time.monotonic() >= self._until:
            self._lose()

    def _take(self, fence: int) -> None:
        self._fence = fence
        self._off.clear()
        self._on.set()

    def _lose(self) -> None:
        self._wanted.clear()
        self._on.clear()
        self._off.set()
