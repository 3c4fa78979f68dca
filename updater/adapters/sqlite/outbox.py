"""The outbox in SQLite: written in the transaction that changes a file or an inquiry."""

from collections.abc import Sequence
from typing import Any, Final

import apsw

from chassis.events.ports import Backlog, Event, Lease, SoleLeases
from updater.adapters.sqlite.database import Database
from updater.adapters.stored import INQUIRY_COLUMNS, inquiry
from updater.adapters.stored_feeds import FEED_COLUMNS, feed_file
from updater.domain.events import Encode, EventType, Happening, OutboxRow
from updater.domain.feed import FeedFile
from updater.domain.inquiry import Inquiry

_COUNT: Final = """
  INSERT INTO event_counts VALUES (?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last
"""
_FEED: Final = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE feed_id = ?"  # noqa: S608
_INQUIRY: Final = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE batch_id = ?"  # noqa: S608


class Teller:
    """Adds events to the outbox, of what a transaction has just changed."""

    def __init__(self, encode: Encode) -> None:
        self._encode: Final = encode

    def feed(self, db: apsw.Connection, feed_id: str, kind: EventType, at: int) -> None:
        """Tell of a file as it is now."""
        if self._encode is not None:
            row = db.execute(_FEED, (feed_id,)).fetchone()
            if row is not None:
                file = feed_file(row)
                self._add(db, file.tenant, feed_id, kind, file, at)

    def inquiry(self, db: apsw.Connection, batch_id: str, kind: EventType, at: int) -> None:
        """Tell of an inquiry as it is now."""
        if self._encode is not None:
            row = db.execute(_INQUIRY, (batch_id,)).fetchone()
            if row is not None:
                one = inquiry(row)
                self._add(db, one.tenant, batch_id, kind, one, at)

    def _add(
        self,
        db: apsw.Connection,
        tenant: str,
        subject: str,
        kind: EventType,
        about: FeedFile | Inquiry,
        at: int,
    ) -> None:
        assert self._encode is not None  # noqa: S101 - both callers look
        counted = db.execute(_COUNT, (subject,)).fetchone()
        sequence = 1 if counted is None else int(counted[0])
        payload = self._encode(Happening(kind, about, sequence, at))
        row = OutboxRow(tenant, subject, sequence, kind.value, payload, at)
        db.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?)", row)


class SqliteOutbox(SoleLeases):
    """`Outbox`: one process, so one partition that is always held."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def pending(self, lease: Lease, limit: int) -> list[OutboxRow]:
        """Return the oldest events by (subject, revision)."""
        sql = "SELECT * FROM outbox ORDER BY subject, revision, tenant LIMIT ?"
        return await self._database.run(
            lambda db: [OutboxRow(*row) for row in db.execute(sql, (limit,))]
        )

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        """Delete what the sink has acknowledged."""
        sql = "DELETE FROM outbox WHERE subject = ? AND revision = ? AND tenant = ?"
        keys = [(row.subject, row.revision, row.tenant) for row in rows]
        await self._database.run(lambda db: db.executemany(sql, keys).fetchall())

    async def backlog(self, lease: Lease) -> Backlog:
        """Count what waits."""
        sql = "SELECT count(*), ifnull(min(time), 0) FROM outbox"
        found: list[tuple[Any, ...]] = await self._database.run(
            lambda db: db.execute(sql).fetchall()
        )
        return Backlog(*found[0])
