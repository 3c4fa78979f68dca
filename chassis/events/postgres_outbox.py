"""An outbox in PostgreSQL, read by ranges of its subjects' hash, which is a stored column.

Each service's table has its own columns; all have `tenant`, a subject's column, `revision`, `time`
and `slot`, and the index `outbox_by_slot`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from chassis.events.ports import (
    MOST_COUNTED,
    PARTITIONS,
    SLOTS,
    Backlog,
    Event,
    Lease,
    LeaseLost,
)
from chassis.events.postgres_leases import PostgresLeases
from chassis.postgres.connection import Link
from chassis.postgres.sql import Arguments, Columns, listed

_HELD: Final = (
    "EXISTS (SELECT 1 FROM outbox_leases AS l WHERE l.partition = $1::bigint AND l.epoch = $2)"
)
_SHARE: Final = SLOTS // PARTITIONS
BACKLOG: Final = (
    "SELECT count(*), coalesce(min(w.time) FILTER (WHERE w.time > 0), 0) FROM"  # noqa: S608
    " (SELECT o.time FROM outbox AS o WHERE o.slot >= $1::smallint AND o.slot < $2::smallint"
    f" LIMIT {MOST_COUNTED}) AS w"
)


def pending(columns: Columns, subject: str) -> str:
    """Return the statement that reads a partition; nothing once its lease is lost."""
    return (
        f"SELECT {listed(columns, 'o')} FROM outbox AS o"  # noqa: S608 - constants only
        f" WHERE {_HELD} AND o.slot >= $3::smallint AND o.slot < $4::smallint"
        f" ORDER BY o.slot, o.{subject}, o.revision, o.tenant LIMIT $5"
    )


def dropping(lease: Lease, rows: Sequence[Event], subject: str) -> tuple[str, list[Any]]:
    """Return the statement that deletes delivered events if the lease still holds, and its values.

    It answers with one row as long as it does.
    """
    arguments = Arguments()
    arguments.one(lease.partition)
    arguments.one(lease.epoch)
    keys = [(row.tenant, row.subject, row.revision) for row in rows]
    source = arguments.rows(keys, {"tenant": "text", subject: "text", "revision": "bigint"})
    text = (
        f"WITH held AS (SELECT 1 WHERE {_HELD}), gone AS ("  # noqa: S608
        f"DELETE FROM outbox AS o USING {source} WHERE EXISTS (SELECT 1 FROM held)"
        f" AND o.tenant = k.tenant AND o.{subject} = k.{subject} AND o.revision = k.revision)"
        " SELECT 1 FROM held"
    )
    return text, arguments.values


def _slots(lease: Lease) -> tuple[int, int]:
    return lease.partition * _SHARE, (lease.partition + 1) * _SHARE


class PostgresOutbox(PostgresLeases):
    """`Outbox`; `link` is the relay's own, so that nobody else waits for it."""

    def __init__(
        self, link: Link, columns: Columns, subject: str, made: Callable[..., Event]
    ) -> None:
        super().__init__(link)
        self._subject: Final = subject
        self._pending: Final = pending(columns, subject)
        self._made: Final = made

    async def pending(self, lease: Lease, limit: int) -> list[Event]:
        """Return a partition's events, each subject's by revision; none once the lease is lost."""
        values = (lease.partition, lease.epoch, *_slots(lease), limit)
        return [self._made(*row) for row in await self._link.read(self._pending, values)]

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        """Delete what the sink has acknowledged. Raises LeaseLost."""
        if not await self._link.write(*dropping(lease, rows, self._subject)):
            raise LeaseLost

    async def backlog(self, lease: Lease) -> Backlog:
        """Count a partition's events. May take a while; changes and locks nothing."""
        ((depth, oldest),) = await self._link.read(BACKLOG, _slots(lease))
        return Backlog(depth, oldest)
