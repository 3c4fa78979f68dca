"""What goes into the outbox in PostgreSQL: written by the transaction that changes something."""

from __future__ import annotations

from typing import Final

import asyncpg

from updater.adapters.stored import INQUIRY_COLUMNS, inquiry
from updater.adapters.stored_feeds import FEED_COLUMNS, feed_file
from updater.domain.events import Encode, EventType, Happening
from updater.domain.feed import FeedFile
from updater.domain.inquiry import Inquiry

_COUNT: Final = (
    "INSERT INTO event_counts AS c (subject, last) VALUES ($1, 1)"
    " ON CONFLICT (subject) DO UPDATE SET last = c.last + 1 RETURNING last"
)
_ADD: Final = (
    "INSERT INTO outbox (tenant, subject, revision, type, payload, time)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
_FEED: Final = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE feed_id = $1"  # noqa: S608
_INQUIRY: Final = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE batch_id = $1"  # noqa: S608


class Teller:
    """Adds events to the outbox, of what a transaction has just changed."""

    def __init__(self, encode: Encode) -> None:
        self._encode: Final = encode

    async def feed(self, db: asyncpg.Connection, feed_id: str, kind: EventType, at: int) -> None:
        """Tell of a file as it is now."""
        if self._encode is not None:
            row = await db.fetchrow(_FEED, feed_id)
            if row is not None:
                file = feed_file(row)
                await self._add(db, file.tenant, feed_id, kind, file, at)

    async def inquiry(
        self, db: asyncpg.Connection, batch_id: str, kind: EventType, at: int
    ) -> None:
        """Tell of an inquiry as it is now."""
        if self._encode is not None:
            row = await db.fetchrow(_INQUIRY, batch_id)
            if row is not None:
                one = inquiry(row)
                await self._add(db, one.tenant, batch_id, kind, one, at)

    async def _add(
        self,
        db: asyncpg.Connection,
        tenant: str,
        subject: str,
        kind: EventType,
        about: FeedFile | Inquiry,
        at: int,
    ) -> None:
        assert self._encode is not None  # noqa: S101 - both callers look
        sequence = int(await db.fetchval(_COUNT, subject))
        payload = self._encode(Happening(kind, about, sequence, at))
        await db.execute(_ADD, tenant, subject, sequence, kind.value, payload, at)
