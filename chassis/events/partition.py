"""One partition of an outbox: at least once, in order for each subject, past poison.

A crash between publishing and deleting publishes again: consumers know an event by (tenant,
subject, revision). An event that the sink refuses for good holds back its own subject only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from chassis.clock import Clock
from chassis.events.ports import LEASE_S, Event, Lease, Outbox, PoisonEvent, Publisher

Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """How much is read at a time, and how patient a relay is. Seconds."""

    batch: int = 500
    most_held_rows: int = 10_000  # rows of held subjects that are read past
    idle_s: float = 0.2
    first_retry_s: float = 0.5
    last_retry_s: float = 4.0
    poison_retry_s: float = 60.0
    beat_s: float = 1.5  # how often leases are renewed and shared out
    lease_s: float = LEASE_S  # without a renewal for so long, nothing is held here any more
    backlog_s: float = 15.0


@dataclass(slots=True)
class RelayCounts:
    """What metrics read."""

    delivered: int = 0
    failures: int = 0
    poison: int = 0  # times that an event was refused: alarm on any
    fenced: int = 0
    held_subjects: int = 0
    partitions: int = 0
    depth: int = 0
    oldest: int = 0  # microseconds since the epoch; 0: nothing waits


class PartitionRelay:
    """Moves one partition's events; remembers which subjects poison holds back.

    Their rows are read past, `most_held_rows` of them: where more are held, whatever comes behind
    them in the partition waits as well, until poison is gone. `held_subjects` tells long before.
    """

    def __init__(
        self, outbox: Outbox, lease: Lease, clock: Clock, limits: RelayLimits, counts: RelayCounts
    ) -> None:
        self._outbox: Final = outbox
        self._lease: Final = lease
        self._clock: Final = clock
        self._limits: Final = limits
        self._counts: Final = counts
        self._held: dict[Subject, float] = {}  # and when it is tried again
        self._held_rows = 0

    async def step(self, publisher: Publisher) -> int:
        """Deliver up to a batch; return how many events were delivered.

        Raises SinkUnavailable, SinkFenced, LeaseLost and what the store raises. What was published
        by then comes again.
        """
        self._release()
        limits = self._limits
        rows = await self._outbox.pending(
            self._lease, limits.batch + min(self._held_rows, limits.most_held_rows)
        )
        free = [row for row in rows if _key(row) not in self._held]
        self._held_rows = len(rows) - len(free)
        delivered = await self._publish(publisher, free)
        if delivered:
            await self._outbox.delivered(self._lease, delivered)
        self._counts.delivered += len(delivered)
        return len(delivered)

    def forget(self) -> None:
        """Take its held subjects out of the count, when the partition is given up."""
        self._counts.held_subjects -= len(self._held)
        self._held.clear()

    def _release(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, until in self._held.items() if now >= until]:
            del self._held[key]
            self._counts.held_subjects -= 1

    async def _publish(self, publisher: Publisher, rows: Sequence[Event]) -> Sequence[Event]:
        """Publish rows and return those that the sink has."""
        if not rows:
            return rows
        try:
            await publisher.publish(rows)
        except PoisonEvent:
            ordered = sorted(rows, key=_order)
            groups = [list(group) for _key, group in groupby(ordered, key=_key)]
            if len(groups) == 1:
                return await self._up_to_the_poison(publisher, groups[0])
            middle = len(groups) // 2
            halves = groups[:middle], groups[middle:]
            done: list[Event] = []
            for half in halves:
                done += await self._publish(publisher, [row for group in half for row in group])
            return done
        return rows

    async def _up_to_the_poison(
        self, publisher: Publisher, rows: Sequence[Event]
    ) -> Sequence[Event]:
        """Publish one subject's events singly; hold the subject at the first that is refused."""
        for place, row in enumerate(rows):
            try:
                await publisher.publish([row])
            except PoisonEvent:
                self._counts.poison += 1
                self._counts.held_subjects += 1
                self._held[_key(row)] = self._clock.monotonic() + self._limits.poison_retry_s
                self._held_rows += len(rows) - place
                return rows[:place]
        return rows


def _key(row: Event) -> Subject:
    return row.tenant, row.subject


def _order(row: Event) -> tuple[str, str, int]:
    return row.tenant, row.subject, row.revision
