"""The outbox in memory."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.events.ports import Backlog, Event, Lease, SoleLeases
from vault.adapters.memory.tables import Tables
from vault.domain.events import OutboxRow


class MemoryOutbox(SoleLeases):
    """`Outbox`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def pending(self, lease: Lease, limit: int) -> list[OutboxRow]:
        """Return the oldest events by (token, revision)."""
        return [self._tables.outbox[key] for key in sorted(self._tables.outbox)[:limit]]

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        """Delete what the sink has acknowledged."""
        for row in rows:
            self._tables.outbox.pop((row.subject, row.revision, row.tenant), None)

    async def backlog(self, lease: Lease) -> Backlog:
        """Count what waits."""
        times = [row.time for row in self._tables.outbox.values() if row.time]
        return Backlog(len(self._tables.outbox), min(times, default=0))
