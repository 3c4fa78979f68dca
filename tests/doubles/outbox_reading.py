"""What waits in an outbox, read as its relay reads it: by partitions, each of them leased."""

from __future__ import annotations

from chassis.events.ports import Event, Lease, Outbox

RELAY = "relay_of_a_test"


async def leases(outbox: Outbox, relay: str = RELAY) -> list[Lease]:
    """Return all partitions' leases, held by one relay."""
    standing = await outbox.standing(relay)
    taken = [await outbox.take(relay, partition) for partition in standing.free]
    return sorted(
        [*standing.held, *(each for each in taken if each)], key=lambda lease: lease.partition
    )


async def waiting(outbox: Outbox, limit: int = 1_000) -> list[Event]:
    """Return what waits, each subject's events by revision, sorted by subject."""
    found: list[Event] = []
    for lease in await leases(outbox):
        found += await outbox.pending(lease, limit)
    return sorted(found, key=lambda row: row.subject)[:limit]


async def deliver(outbox: Outbox, *rows: Event) -> None:
    """Delete events as delivered, whichever partition they are of."""
    for lease in await leases(outbox):
        await outbox.delivered(lease, rows)
