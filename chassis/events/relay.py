"""Bring a service's events from the outbox to their sink, sharing its partitions with other relays.

Every holder of a partition is fenced twice. The lease's epoch in the database: who has lost it
deletes nothing. And the sink: opening a partition there shuts out whoever had it open, so that a
process which slept past its lease and wakes in the middle of a batch publishes nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Final

import structlog

from chassis.clock import Clock
from chassis.events.partition import PartitionRelay, RelayCounts, RelayLimits
from chassis.events.ports import (
    EventSink,
    Lease,
    LeaseLost,
    Outbox,
    SinkFenced,
    SinkUnavailable,
    Standing,
)
from chassis.store_errors import CommitInDoubt, Conflict, StoreFull, StoreUnavailable

_log = structlog.get_logger("events")
USUAL: Final = RelayLimits()
PASSING: Final = (StoreUnavailable, StoreFull, CommitInDoubt, Conflict)
_GOODBYE_S: Final = 2.0


class EventRelay:
    """Moves events. `run()` belongs in the service's TaskGroup, one relay a process.

    `passing` are the store's errors that another try may mend; any other one ends the relay.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: EventSink,
        clock: Clock,
        *,
        passing: tuple[type[Exception], ...] = PASSING,
        limits: RelayLimits = USUAL,
    ) -> None:
        self._outbox: Final = outbox
        self._sink: Final = sink
        self._clock: Final = clock
        self._passing: Final = passing
        self._waiting: Final[tuple[type[Exception], ...]] = (SinkUnavailable, *passing)
        self._limits: Final = limits
        self._name: Final = f"relay_{secrets.token_hex(8)}"
        self._working: dict[Lease, asyncio.Task[None]] = {}
        self._renewed = clock.monotonic()
        self.counts: Final = RelayCounts()

    async def run(self) -> None:
        """Relay for ever. Partitions are given back on the way out."""
        try:
            async with asyncio.TaskGroup() as tasks:
                backlog = tasks.create_task(self._measure())
                try:
                    await self._share(tasks)
                finally:
                    backlog.cancel()
                    for task in self._working.values():
                        task.cancel()
        finally:
            with suppress(TimeoutError, *self._passing):
                async with asyncio.timeout(_GOODBYE_S):
                    await self._outbox.release(self._name)

    async def _share(self, tasks: asyncio.TaskGroup) -> None:
        """Renew, take and give up partitions, so that all relays have about as many."""
        while True:
            asked = self._clock.monotonic()
            try:
                standing = await self._outbox.standing(self._name)
                self._renewed = asked
                for lease in self._surplus(standing):
                    await self._stop(lease)
                    await self._outbox.give_back(lease)
                held = [*standing.held, *await self._taken(standing)]
                await self._keep(tasks, held)
            except self._passing as error:
                self._failed("leases", error)
                if self._clock.monotonic() - self._renewed > self._limits.lease_s:
                    await self._keep(tasks, [])
            await asyncio.sleep(self._limits.beat_s)

    def _surplus(self, standing: Standing) -> list[Lease]:
        """Return what others should have; in the order of partitions, the last ones."""
        held = sorted(standing.held, key=lambda lease: lease.partition)
        return held[self._fair(standing) :]

    async def _taken(self, standing: Standing) -> list[Lease]:
        wanted = self._fair(standing) - len(standing.held)
        free = list(standing.free)
        taken: list[Lease] = []
        while free and len(taken) < wanted:
            lease = await self._outbox.take(self._name, free.pop(0))
            if lease is not None:
                taken.append(lease)
        return taken

    @staticmethod
    def _fair(standing: Standing) -> int:
        """Return a relay's share of all partitions, rounded up: none may be left over."""
        return -(-standing.partitions // standing.relays)

    async def _keep(self, tasks: asyncio.TaskGroup, held: list[Lease]) -> None:
        """Work on what is held, and on nothing else."""
        for lease in [lease for lease in self._working if lease not in held]:
            await self._stop(lease)
        for lease in held:
            task = self._working.get(lease)
            if task is None or task.done():
                self._working[lease] = tasks.create_task(self._work(lease))
        self.counts.partitions = len(self._working)

    async def _stop(self, lease: Lease) -> None:
        task = self._working.pop(lease, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _work(self, lease: Lease) -> None:
        """Relay one partition until it is somebody else's."""
        relay = PartitionRelay(self._outbox, lease, self._clock, self._limits, self.counts)
        wait = self._limits.first_retry_s
        try:
            while True:
                try:
                    async with self._sink.publisher(lease.partition) as publisher:
                        while True:
                            moved = await relay.step(publisher)
                            wait = self._limits.first_retry_s
                            # Otherwise events gather for a moment: each batch costs a transaction
                            # of the sink and one of the store, between two flushes.
                            if moved < self._limits.batch:
                                await asyncio.sleep(self._limits.idle_s)
                except self._waiting as error:
                    self._failed("partition", error, first=wait == self._limits.first_retry_s)
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, self._limits.last_retry_s)
        except (SinkFenced, LeaseLost) as error:
            self.counts.fenced += 1
            _log.warning(
                "partition lost", partition=lease.partition, error_type=type(error).__name__
            )
            with suppress(*self._passing):
                # If it is still ours, whoever takes it next opens the sink anew, and so may we.
                await self._outbox.give_back(lease)
        finally:
            relay.forget()

    async def _measure(self) -> None:
        """Count what waits in the partitions held, every now and then."""
        while True:
            begun = self._clock.monotonic()
            found = None
            with suppress(*self._passing):
                found = [await self._outbox.backlog(lease) for lease in list(self._working)]
            # While the store is away, and after that until partitions are shared out again, nothing
            # may be held here: what was counted last is nearer to the truth than nothing.
            away = begun - self._renewed > self._limits.lease_s
            if found is not None and not away:
                self.counts.depth = sum(each.depth for each in found)
                self.counts.oldest = min((each.oldest for each in found if each.oldest), default=0)
            took = self._clock.monotonic() - begun
            # Counting reads an index: never more than a small part of the time.
            await asyncio.sleep(max(self._limits.backlog_s if found else 1.0, 20 * took))

    def _failed(self, what: str, error: Exception, *, first: bool = True) -> None:
        self.counts.failures += 1
        if first:  # of several in a row
            _log.warning(
                "events wait", phase=what, error_type=type(error).__name__, reason=str(error)
            )
