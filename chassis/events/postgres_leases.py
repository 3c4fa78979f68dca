"""Leases on an outbox's partitions in PostgreSQL: tables `outbox_leases` and `relays`.

Times are the server's. A relay that was killed loses its partitions when its lease has run out; one
that stops gives them back. An epoch grows whenever a partition changes hands.
"""

from __future__ import annotations

from typing import Final

from chassis.events.ports import LEASE_S, PARTITIONS, Lease, Standing
from chassis.postgres.connection import Link
from chassis.postgres.sql import NOW

_LEASE: Final = int(LEASE_S * 1_000_000)
_FORGOTTEN: Final = 60_000_000  # relays that said nothing for so long were killed

STANDING: Final = (
    f"WITH t AS (SELECT {NOW} AS now), beat AS ("  # noqa: S608 - constants only
    f"INSERT INTO relays AS r (relay, until) SELECT $1::text, t.now + {_LEASE} FROM t"
    " ON CONFLICT (relay) DO UPDATE SET until = EXCLUDED.until), kept AS ("
    f"UPDATE outbox_leases AS l SET until = t.now + {_LEASE} FROM t"
    " WHERE l.partition >= 0 AND l.relay = $1::text), gone AS ("
    "DELETE FROM relays AS r USING t WHERE r.relay > '' AND r.relay <> $1::text"
    f" AND r.until < t.now - {_FORGOTTEN})"
    " SELECT l.partition, l.epoch, l.relay = $1::text, l.until <= t.now,"
    " (SELECT count(*) FROM relays AS r"
    " WHERE r.relay > '' AND r.relay <> $1::text AND r.until > t.now)"
    " FROM t JOIN outbox_leases AS l ON l.partition >= 0 ORDER BY l.partition"
)
TAKE: Final = (
    "UPDATE outbox_leases AS l SET relay = $1, epoch = l.epoch + 1,"  # noqa: S608
    f" until = {NOW} + {_LEASE} WHERE l.partition = $2 AND l.until <= {NOW} RETURNING l.epoch"
)
GIVE_BACK: Final = (
    "UPDATE outbox_leases AS l SET relay = '', until = 0 WHERE l.partition = $1 AND l.epoch = $2"
)
RELEASE: Final = (
    "WITH gone AS (DELETE FROM relays AS r WHERE r.relay = $1)"
    " UPDATE outbox_leases AS l SET relay = '', until = 0"
    " WHERE l.partition >= 0 AND l.relay = $1"
)


class PostgresLeases:
    """`Leases`."""

    def __init__(self, link: Link) -> None:
        self._link: Final = link

    async def standing(self, relay: str) -> Standing:
        """Say that `relay` is alive, renew what it holds still, and return how things are."""
        rows = await self._link.write(STANDING, (relay,))
        held = [Lease(partition, epoch) for partition, epoch, mine, *_ in rows if mine]
        free = [partition for partition, _epoch, mine, over, _ in rows if over and not mine]
        others = rows[0][4] if rows else 0
        return Standing(held, free, 1 + others, PARTITIONS)

    async def take(self, relay: str, partition: int) -> Lease | None:
        """Take a partition whose lease has run out or was given back, or return None."""
        rows = await self._link.write(TAKE, (relay, partition))
        return Lease(partition, rows[0][0]) if rows else None

    async def release(self, relay: str) -> None:
        """Give back all that `relay` holds, and count it as alive no more."""
        await self._link.write(RELEASE, (relay,))

    async def give_back(self, lease: Lease) -> None:
        """Give back one partition; nothing if it is somebody else's by now."""
        await self._link.write(GIVE_BACK, (lease.partition, lease.epoch))
