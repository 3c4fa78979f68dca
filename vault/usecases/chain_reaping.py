"""End the audit chains of processes that died while others serve, each once and on record.

Every process of a shared store looks every few seconds. A lease that is over is no death yet: after
an outage longer than leases last they are all over. So a chain is ended only where this process has
seen it abandoned, and unmoved, for `PATIENCE_S` in which the store always answered: whoever lives
has renewed its lease by then. Two that find the same chain race: the flush of the second fails,
since the chain is no longer open. A process that was only paused learns at its next flush that its
chain is over, and stops.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chassis.clock import Clock
from vault.domain.audit import ChainHead
from vault.domain.intents import Caller, EndChains, Entry
from vault.domain.outcome import Applied, InDoubt
from vault.usecases.chain_start import PRINCIPAL
from vault.usecases.checkpointer import Checkpointer
from vault.usecases.ports import AuditStore, CommitInDoubt, Ledger, StoreFull, StoreUnavailable

INTERVAL_S: Final = 5.0
PATIENCE_S: Final = 10.0
"""How long those that live have for renewing, once the store answers: twice a connection's 5 s."""
MOST: Final = 100
"""Chains ended in one record; more are found at the next turn."""


@dataclass(slots=True)
class ReapCounts:
    """What metrics read."""

    ended: int = 0
    lost: int = 0  # races that another process won
    failures: int = 0  # turns that a store in trouble cut short


class Reaper:
    """Ends what dead processes left. `run()` belongs in the service's TaskGroup."""

    def __init__(
        self,
        ledger: Ledger,
        audit: AuditStore,
        checkpointer: Checkpointer,
        own: str,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger: Final = ledger
        self._audit: Final = audit
        self._checkpointer: Final = checkpointer
        self._own: Final = own
        self._clock: Final = clock
        self._seen: dict[ChainHead, float] = {}  # abandoned, and since when
        self._looked = clock.monotonic()
        self._chance: Final = chance
        self.counts: Final = ReapCounts()

    async def run(self) -> None:
        """Look every 5 s or so, for ever; not all processes at the same moment."""
        while True:
            await asyncio.sleep(INTERVAL_S * (0.75 + self._chance() / 2))
            await self.reap()

    async def reap(self) -> int:
        """Take one turn; return how many chains were ended. StoreBroken is raised."""
        try:
            return await self._reap()
        except (StoreUnavailable, StoreFull, CommitInDoubt):
            self.counts.failures += 1
            self._seen.clear()
            return 0

    async def _reap(self) -> int:
        heads = (await self._dead())[:MOST]
        if not heads:
            return 0
        # Read before it is recorded: any checkpoint that covers the record has their ends, too.
        await self._checkpointer.prepare(heads)
        # That may take long: whoever has renewed or moved meanwhile lives.
        if not set(heads) <= set(await self._audit.abandoned_chains()):
            self._checkpointer.forget(heads)
            return 0
        entry = Entry(Caller("", PRINCIPAL), EndChains(heads))
        (outcome,) = await self._ledger.apply([entry])
        if isinstance(outcome, Applied):
            self.counts.ended += len(heads)
            return len(heads)
        if not isinstance(outcome, InDoubt):
            self._checkpointer.forget(heads)
        self._seen.clear()  # a race lost, or a store in trouble
        self.counts.lost += 1
        return 0

    async def _dead(self) -> tuple[ChainHead, ...]:
        """Look, and return the heads that have been abandoned in all looks of `PATIENCE_S`."""
        found = await self._audit.abandoned_chains()
        now = self._clock.monotonic()
        # Where no look was for long, we were paused, and so may those have been that would renew.
        if now - self._looked > PATIENCE_S:
            self._seen.clear()
        self._looked = now
        # Our own, where we have been paused for long: its next flush settles that.
        others = [head for head in found if head.chain != self._own]
        self._seen = {head: self._seen.get(head, now) for head in others}
        return tuple(head for head, since in self._seen.items() if now - since >= PATIENCE_S)
