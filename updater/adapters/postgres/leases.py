"""All leases that a process asks for: kept, and shared with the other processes (`sharing.py`).

A process says in `lease_claims`, at each turn, what it asks for; what it says counts for two turns.
So one that died is nobody to leave anything to, soon after, and its leases are taken over as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from typing import Final

import structlog

from chassis.postgres.connection import Link
from chassis.postgres.sql import NOW
from chassis.store_errors import StoreError
from updater.adapters.postgres.lease import SPAN_S, Lease
from updater.adapters.postgres.sharing import Seen, Sharing

TURNS: Final = 5
"""Turns in a span."""
# The claims of others, as they were before: one's own don't count anyway.
CLAIM: Final = f"""
  WITH asked AS (SELECT name FROM unnest($2::text[]) AS a (name)),
  claimed AS (
    INSERT INTO lease_claims SELECT $1, name, {NOW} + $3 FROM asked
    ON CONFLICT (process, name) DO UPDATE SET until = excluded.until
  ),
  held AS (SELECT holder, count(*) AS n FROM leases WHERE until > {NOW} GROUP BY holder)
  SELECT a.name,
    coalesce(
      (SELECT l.until <= {NOW} OR l.holder = $1 FROM leases AS l WHERE l.name = a.name), true
    ),
    (SELECT min(coalesce(h.n, 0)) FROM lease_claims AS c LEFT JOIN held AS h ON h.holder = c.process
      WHERE c.name = a.name AND c.process <> $1 AND c.until > {NOW})
  FROM asked AS a
"""  # noqa: S608 - constants only
WITHDRAW: Final = "DELETE FROM lease_claims WHERE process = $1"
FORGET: Final = f"DELETE FROM lease_claims WHERE until < {NOW} - $1"  # noqa: S608
_DAY_US: Final = 86_400_000_000
_log = structlog.get_logger("updater")


class Leases:
    """All leases that this process asks for, by name; they take turns on one connection.

    Not `sharing`: it claims nothing, takes what is free, and gives nothing back before its end.
    """

    def __init__(self, link: Link, span_s: float = SPAN_S, *, sharing: bool = True) -> None:
        self._link: Final = link
        self._span_s: Final = span_s
        self._turn_s: Final = span_s / TURNS
        self._process: Final = secrets.token_hex(8)
        self._sharing: Final = Sharing(self._turn_s, span_s) if sharing else None
        self._leases: Final = dict[str, Lease]()
        self._more: Final = asyncio.Event()
        self._asked_back: Lease | None = None
        self._claimed = False

    def of(self, name: str) -> Lease:
        """Return a lease, which is asked for from now on if it is new."""
        if name not in self._leases:
            self._leases[name] = Lease(name, self._link, self._span_s, self._process)
            self._more.set()
        return self._leases[name]

    async def keep(self) -> None:
        """Take turns until cancelled: what is held comes first."""
        while True:
            self._more.clear()
            await self.turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._turn_s):
                    await self._more.wait()

    async def turn(self) -> None:
        """Renew what is held, take what is free and this process's share, give back what isn't."""
        ours = list(self._leases.values())
        for lease in ours:
            if lease.held:
                await lease.turn()
        seen = await self._look()
        self._note_given()
        for lease in ours:
            if not lease.held and not self._leaves(lease.name, seen):
                await lease.turn()
        self._ask_back(seen)

    async def release(self) -> None:
        """Give all leases back, so that other processes take over at once."""
        for lease in self._leases.values():
            await lease.release()
        if self._claimed:
            try:
                await self._link.write(WITHDRAW, (self._process,))
            except StoreError as error:
                _log.warning("claims not withdrawn", error_type=type(error).__name__)

    @property
    def _held(self) -> list[str]:
        return [lease.name for lease in self._leases.values() if lease.held]

    async def _look(self) -> Mapping[str, Seen]:
        """Claim one's leases, and look who else does; nobody, if the database doesn't say."""
        if self._sharing is None or not self._leases:
            return {}
        until = int(2 * self._turn_s * 1_000_000)
        try:
            if not self._claimed:
                await self._link.write(FORGET, (_DAY_US,))
            self._claimed = True
            rows = await self._link.write(CLAIM, (self._process, list(self._leases), until))
        except StoreError as error:
            _log.warning("leases not claimed", error_type=type(error).__name__)
            return {}
        return {
            str(name): Seen(bool(free), None if least is None else int(least))
            for name, free, least in rows
        }

    def _leaves(self, name: str, seen: Mapping[str, Seen]) -> bool:
        if self._sharing is None or name not in seen:
            return False
        return self._sharing.leaves(name, len(self._held), seen[name], time.monotonic())

    def _note_given(self) -> None:
        """Note whether what was asked back is given: the work was between two turns meanwhile."""
        lease = self._asked_back
        if self._sharing is not None and lease is not None and not lease.held:
            self._asked_back = None
            self._sharing.given(lease.name, time.monotonic())

    def _ask_back(self, seen: Mapping[str, Seen]) -> None:
        """Have one lease given back, if another process should have it; or none any more."""
        if self._sharing is None:
            return
        held, lease = self._held, self._asked_back
        if lease is not None:
            if not Sharing.owes(len(held), seen.get(lease.name)):
                lease.want(wanted=False)
                self._asked_back = None
            return
        name = self._sharing.gives(held, seen, time.monotonic())
        if name is not None:
            self._asked_back = self._leases[name]
            self._asked_back.want(wanted=True)
