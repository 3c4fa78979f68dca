"""The outbox of the embedded store: one process, so one partition that is always held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chassis.events.ports import Backlog, Event, Lease, SoleLeases
from vault.adapters.sqlite.database import Database
from vault.adapters.sqlite.sql import Rows, columns, filled, rows_of
from vault.domain.events import OutboxRow

PENDING: Final = filled(
    "SELECT $NAMES FROM outbox WHERE token > '' ORDER BY token, revision, tenant LIMIT ?",
    NAMES=columns(OutboxRow._fields),
)
DELIVERED: Final = Rows("DELETE FROM outbox WHERE (token, revision, tenant) IN ($ROWS)", 3)
# All of it, on the reader thread, a few times a minute: an index on the time would be paid by
# every flush.
BACKLOG: Final = (
    "SELECT count(*), ifnull(min(time) FILTER (WHERE time > 0), 0) FROM outbox WHERE token > ''"
)


class SqliteOutbox(SoleLeases):
    """`Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pending(self, lease: Lease, limit: int) -> list[OutboxRow]:
        """Return the oldest events by (token, revision)."""
        return self._database.read(
            lambda db: [OutboxRow(*row) for row in rows_of(db, PENDING, (limit,))]
        )

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        """Delete what the sink has acknowledged."""
        keys = [(row.subject, row.revision, row.tenant) for row in rows]
        await self._database.write(lambda db: DELIVERED.change(db, keys))

    async def backlog(self, lease: Lease) -> Backlog:
        """Count what waits."""
        ((depth, oldest),) = await self._database.query(lambda db: rows_of(db, BACKLOG, ()))
        return Backlog(depth, oldest)
