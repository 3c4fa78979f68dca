"""The shared outbox as one process sees it: partitions on lease, as in `postgres_leases`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from chassis.events.ports import LEASE_S, Backlog, Event, Lease, LeaseLost, Standing
from tests.seeds.database import Database
from vault.domain.events import OutboxRow

PARTITIONS: Final = 2


@dataclass
class Holdings:
    """Who holds which partition until when, and until when each relay counts as alive."""

    held: dict[int, tuple[str, int, float]] = field(
        default_factory=lambda: dict.fromkeys(range(PARTITIONS), ("", 0, 0.0))
    )
    alive: dict[str, float] = field(default_factory=dict)


def partition_of(subject: str) -> int:
    """Return an event's partition."""
    return sum(subject.encode()) % PARTITIONS


class SharedOutbox:
    """`Outbox`. A relay is known by its process: the name that it draws is no seed's."""

    def __init__(self, database: Database, holdings: Holdings, name: str) -> None:
        self._database: Final = database
        self._holdings: Final = holdings
        self._name: Final = name

    async def standing(self, relay: str) -> Standing:
        def work() -> Standing:
            now, own = self._database.now(), self._name
            held, alive = self._holdings.held, self._holdings.alive
            alive[own] = now + LEASE_S
            ours, free = [], []
            for partition, (who, epoch, until) in held.items():
                if who == own:
                    held[partition] = (who, epoch, now + LEASE_S)
                    ours.append(Lease(partition, epoch))
                elif until <= now:
                    free.append(partition)
            others = sum(until > now for name, until in alive.items() if name != own)
            return Standing(ours, free, 1 + others, PARTITIONS)

        return await self._database.asked(work, writes=True)

    async def take(self, relay: str, partition: int) -> Lease | None:
        def work() -> Lease | None:
            _who, epoch, until = self._holdings.held[partition]
            now = self._database.now()
            if until > now:
                return None
            self._holdings.held[partition] = (self._name, epoch + 1, now + LEASE_S)
            return Lease(partition, epoch + 1)

        return await self._database.asked(work, writes=True)

    async def release(self, relay: str) -> None:
        def work() -> None:
            self._holdings.alive.pop(self._name, None)
            for partition, (who, epoch, _until) in self._holdings.held.items():
                if who == self._name:
                    self._holdings.held[partition] = ("", epoch, 0.0)

        await self._database.asked(work, writes=True)

    async def give_back(self, lease: Lease) -> None:
        def work() -> None:
            if self._still(lease):
                self._holdings.held[lease.partition] = ("", lease.epoch, 0.0)

        await self._database.asked(work, writes=True)

    async def pending(self, lease: Lease, limit: int) -> list[OutboxRow]:
        def work() -> list[OutboxRow]:
            if not self._still(lease):
                return []
            rows = sorted(self._database.tables.outbox.items())
            of_it = [row for _key, row in rows if partition_of(row.token) == lease.partition]
            return of_it[:limit]

        return await self._database.asked(work)

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        def work() -> None:
            if not self._still(lease):
                raise LeaseLost
            for row in rows:
                self._database.tables.outbox.pop((row.subject, row.revision, row.tenant), None)

        await self._database.asked(work, writes=True)

    async def backlog(self, lease: Lease) -> Backlog:
        return await self._database.asked(lambda: Backlog(len(self._database.tables.outbox)))

    def _still(self, lease: Lease) -> bool:
        return self._holdings.held[lease.partition][1] == lease.epoch
