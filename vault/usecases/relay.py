"""Bring events from the outbox to their sink: at least once, in order for each token.

A crash between publishing and deleting publishes again: consumers know an event by (tenant, token,
revision). An event that the sink refuses for good holds back its own token only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from chassis.clock import Clock
from vault.domain.card import CardKey
from vault.domain.events import OutboxRow
from vault.usecases.ports import CommitInDoubt, EventSink, Outbox, StoreFull, StoreUnavailable


class PoisonEvent(Exception):
    """A sink can't ever take one of these events, though it takes others."""


class SinkUnavailable(Exception):
    """A sink takes nothing at the moment. What it was given may be there in part."""


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """How much is read at a time, and how patient the relay is. Seconds."""

    batch: int = 500
    most_held_rows: int = 10_000  # rows of held tokens that are read past
    idle_s: float = 0.2
    first_retry_s: float = 0.5
    last_retry_s: float = 30.0
    poison_retry_s: float = 60.0


@dataclass(slots=True)
class RelayCounts:
    """What metrics read."""

    delivered: int = 0
    failures: int = 0
    poison: int = 0  # times that an event was refused: alarm on any
    held_tokens: int = 0


class Relay:
    """Moves events. `run()` belongs in the service's TaskGroup, one relay an outbox."""

    def __init__(
        self, outbox: Outbox, sink: EventSink, clock: Clock, limits: RelayLimits = RelayLimits()
    ) -> None:
        self._outbox: Final = outbox
        self._sink: Final = sink
        self._clock: Final = clock
        self._limits: Final = limits
        self._held: dict[CardKey, float] = {}  # and when it is tried again
        self._held_rows = 0
        self.counts: Final = RelayCounts()

    async def run(self) -> None:
        """Relay for ever: at once while batches are full, patiently while nothing works.

        Otherwise events gather for a moment: each batch costs a sync of the sink and a durable
        transaction, which would come between every two flushes of a vault that is not idle.
        """
        wait = self._limits.first_retry_s
        while True:
            try:
                moved = await self.step()
            except (SinkUnavailable, StoreUnavailable, StoreFull, CommitInDoubt):
                self.counts.failures += 1
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._limits.last_retry_s)
                continue
            wait = self._limits.first_retry_s
            if moved < self._limits.batch:
                await asyncio.sleep(self._limits.idle_s)

    async def step(self) -> int:
        """Relay one batch; return how many events were delivered.

        Raises SinkUnavailable and StoreError. What was published by then comes again.
        """
        self._release()
        limits = self._limits
        rows = await self._outbox.pending(
            limits.batch + min(self._held_rows, limits.most_held_rows)
        )
        free = [row for row in rows if _key(row) not in self._held]
        self._held_rows = len(rows) - len(free)
        delivered = await self._publish(free)
        if delivered:
            await self._outbox.delivered(delivered)
        self.counts.delivered += len(delivered)
        self.counts.held_tokens = len(self._held)
        return len(delivered)

    def _release(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, until in self._held.items() if now >= until]:
            del self._held[key]

    async def _publish(self, rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
        """Publish rows and return those that the sink has."""
        if not rows:
            return rows
        try:
            await self._sink.publish(rows)
        except PoisonEvent:
            ordered = sorted(rows, key=_order)
            groups = [list(group) for _key, group in groupby(ordered, key=_key)]
            if len(groups) == 1:
                return await self._up_to_the_poison(groups[0])
            middle = len(groups) // 2
            halves = groups[:middle], groups[middle:]
            done: list[OutboxRow] = []
            for half in halves:
                done += await self._publish([row for group in half for row in group])
            return done
        return rows

    async def _up_to_the_poison(self, rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
        """Publish one token's events singly; hold the token at the first that is refused."""
        for place, row in enumerate(rows):
            try:
                await self._sink.publish([row])
            except PoisonEvent:
                self.counts.poison += 1
                self._held[_key(row)] = self._clock.monotonic() + self._limits.poison_retry_s
                self._held_rows += len(rows) - place
                return rows[:place]
        return rows


def _key(row: OutboxRow) -> CardKey:
    return CardKey(row.tenant, row.token)


def _order(row: OutboxRow) -> tuple[str, str, int]:
    return row.tenant, row.token, row.revision
