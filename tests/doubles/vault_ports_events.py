"""An outbox and a sink in memory, with the faults that tests ask for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chassis.events.ports import (
    Backlog,
    Event,
    Lease,
    LeaseLost,
    PoisonEvent,
    Publisher,
    SinkFenced,
    SinkUnavailable,
    Standing,
)
from chassis.store_errors import StoreError
from vault.domain.events import OutboxRow


class FakeOutbox:
    """Keeps rows by (token, revision), and leases without a clock: a test takes them away."""

    def __init__(self, rows: Sequence[OutboxRow] = (), partitions: int = 1) -> None:
        self.rows = sorted(rows, key=lambda row: (row.token, row.revision, row.tenant))
        self.partitions = partitions
        self.faults: list[StoreError] = []
        self.asked: list[int] = []
        self.holders: dict[int, tuple[str, int]] = {}
        self.alive: set[str] = set()

    def partition(self, row: Event) -> int:
        return sum(row.subject.encode()) % self.partitions

    def seize(self, partition: int, relay: str = "another") -> None:
        """Give a partition to another relay, as if the lease had run out."""
        self.alive.add(relay)
        self.holders[partition] = (relay, self.holders.get(partition, ("", 0))[1] + 1)

    async def standing(self, relay: str) -> Standing:
        self.alive.add(relay)
        held = [Lease(at, epoch) for at, (who, epoch) in self.holders.items() if who == relay]
        free = [at for at in range(self.partitions) if not self.holders.get(at, ("", 0))[0]]
        return Standing(held, free, len(self.alive), self.partitions)

    async def take(self, relay: str, partition: int) -> Lease | None:
        who, epoch = self.holders.get(partition, ("", 0))
        if who:
            return None
        self.holders[partition] = (relay, epoch + 1)
        return Lease(partition, epoch + 1)

    async def release(self, relay: str) -> None:
        self.alive.discard(relay)
        for at, (who, epoch) in self.holders.items():
            if who == relay:
                self.holders[at] = ("", epoch)

    async def give_back(self, lease: Lease) -> None:
        if self._held(lease):
            self.holders[lease.partition] = ("", lease.epoch)

    async def pending(self, lease: Lease, limit: int) -> list[OutboxRow]:
        self.asked.append(limit)
        if not self._held(lease):
            return []
        return [row for row in self.rows if self.partition(row) == lease.partition][:limit]

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if not self._held(lease):
            raise LeaseLost
        gone = set(rows)
        self.rows = [row for row in self.rows if row not in gone]

    async def backlog(self, lease: Lease) -> Backlog:
        times = [row.time for row in self.rows if self.partition(row) == lease.partition]
        return Backlog(len(times), min(filter(None, times), default=0))

    def _held(self, lease: Lease) -> bool:
        return self.holders.get(lease.partition, ("", 0))[1] == lease.epoch


class FakeSink:
    """Keeps what it was given; some tokens' events are poison, and it may be down.

    Its own publisher of every partition, until a later one is opened for it.
    """

    def __init__(self) -> None:
        self.got: list[Event] = []
        self.poison: set[tuple[str, int]] = set()
        self.down = 0
        self.opened: list[int] = []
        self.shut: set[int] = set()

    @asynccontextmanager
    async def publisher(self, partition: int) -> AsyncIterator[Publisher]:
        self.opened.append(partition)
        self.shut.discard(partition)
        yield _Way(self, partition)

    async def publish(self, rows: Sequence[Event]) -> None:
        if self.down:
            self.down -= 1
            raise SinkUnavailable("down")
        if any((row.subject, row.revision) in self.poison for row in rows):
            raise PoisonEvent
        self.got += rows


class _Way:
    def __init__(self, sink: FakeSink, partition: int) -> None:
        self._sink = sink
        self._partition = partition

    async def publish(self, rows: Sequence[Event]) -> None:
        if self._partition in self._sink.shut:
            raise SinkFenced
        await self._sink.publish(rows)


def row(token: str, revision: int, tenant: str = "acme", payload: bytes = b"masked") -> OutboxRow:
    """Return an event's row."""
    return OutboxRow(tenant, token, revision, "cardvault.card.updated", payload)
