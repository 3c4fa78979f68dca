"""Inquiries in PostgreSQL (`InquiryStore`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments
from updater.adapters import stored
from updater.adapters.consequences import unanswered
from updater.adapters.postgres.database import Database
from updater.adapters.postgres.incidents import open_incidents
from updater.adapters.postgres.outbox import Teller
from updater.adapters.postgres.questions import (
    add_questions,
    drop_questions,
    keep_questions,
    merge_questions,
    not_awaited,
)
from updater.adapters.postgres.requests import KNOWN, key_of, remember, subject_of
from updater.adapters.stored import INQUIRY_COLUMNS
from updater.domain.events import EventType
from updater.domain.inquiry import Inquiry, InquiryState, Question
from updater.usecases.ports_store import InquiryProgress, RequestMark

_ADD: Final = (
    "INSERT INTO inquiries (batch_id, channel, tenant, merchant_account, merchant_id, state,"
    " created_at, wire_batch, network) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_FIND: Final = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE batch_id = $1"  # noqa: S608
_IN_STATE: Final = (
    f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE state = ANY($1::text[]) ORDER BY batch_id"  # noqa: S608
)
_BY_WIRE: Final = (
    f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE channel = $1 AND wire_batch = $2"  # noqa: S608
    " ORDER BY batch_id DESC LIMIT 1"
)
_COUNT_WIRE: Final = (
    "INSERT INTO wire_counters AS w (channel, last) VALUES ($1, 1) ON CONFLICT (channel)"
    " DO UPDATE SET last = CASE WHEN w.last < $2 THEN w.last + 1 ELSE 1 END RETURNING last"
)
_QUESTIONS: Final = (
    "SELECT q.reference, q.state, q.number_mac, c.token, c.credential_version"
    " FROM questions AS q JOIN question_cards AS c ON c.reference = q.reference"
    " WHERE q.batch_id = $1 ORDER BY q.ordinal, c.token"
)
# One statement, and so one moment: cards by their questions' states, then answers.
_PROGRESS: Final = (
    "SELECT 0, q.state, NULL, false, count(*) FROM questions AS q JOIN question_cards AS c"
    " ON c.reference = q.reference WHERE q.batch_id = $1 GROUP BY q.state"
    " UNION ALL SELECT 1, a.outcome, a.disposition, a.shadow, count(*) FROM feed_files AS f"
    " JOIN answers AS a ON a.feed_id = f.feed_id WHERE f.batch_id = $1"
    " GROUP BY a.outcome, a.disposition, a.shadow"
)
_WRITTEN: Final = (
    "UPDATE inquiries SET state = 'WRITTEN', asked_at = $1, file_name = $2, sha256 = $3,"
    " size = $4, records = $5, wire_batch = $6 WHERE batch_id = $7"
)
_SENT: Final = (
    "UPDATE inquiries SET state = 'SENT', sent_at = $1 WHERE batch_id = $2 AND state = 'WRITTEN'"
    " RETURNING 1"
)
# Any channel's: where two processes look at the same time, each inquiry is one's.
_EXPIRE: Final = (
    "UPDATE inquiries SET state = 'EXPIRED', ended_at = $1"  # noqa: S608 - constants only
    f" WHERE state = 'SENT' AND asked_at < $2 RETURNING {INQUIRY_COLUMNS}"
)
_UNANSWERED: Final = (
    "UPDATE questions SET state = 'UNANSWERED' WHERE batch_id = ANY($1::text[])"
    " AND state = 'OPEN' RETURNING 1"
)
_EMPTY: Final = "UPDATE inquiries SET state = 'EMPTY', ended_at = $1 WHERE batch_id = $2"
_AWAITED_NO_MORE: Final = (
    "UPDATE enrolments SET open_batch = '' WHERE open_batch = ANY($1::text[]) AND open_batch <> ''"
)


class PostgresInquiries:
    """The tables `inquiries`, `questions` and `question_cards`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def create(
        self, inquiry: Inquiry, questions: Sequence[Question], mark: RequestMark | None = None
    ) -> bool:
        """Keep a new inquiry of what nobody else asks; tell whether. Raises RequestIdReused."""

        async def work(db: asyncpg.Connection) -> bool:
            free = await not_awaited(db, inquiry, questions)
            if questions and not free:
                return False
            if mark is not None and await remember(db, mark, inquiry.batch_id, inquiry.created_at):
                return False
            await db.execute(
                _ADD,
                inquiry.batch_id,
                inquiry.channel,
                inquiry.tenant,
                inquiry.merchant_account,
                inquiry.merchant_id,
                inquiry.state.value,
                inquiry.created_at,
                inquiry.wire_batch,
                inquiry.network,
            )
            await add_questions(db, inquiry, free)
            kind = EventType.INQUIRY_CREATED
            await self._tell.inquiry(db, inquiry.batch_id, kind, inquiry.created_at)
            return True

        return await self._database.run(work)

    async def by_request(self, mark: RequestMark) -> Inquiry | None:
        """Return what this very request has created. Raises RequestIdReused."""
        rows = await self._database.rows(KNOWN, *key_of(mark))
        return await self.find(subject_of(mark, (rows[0][0], rows[0][1]))) if rows else None

    async def in_state(self, *states: InquiryState) -> Sequence[Inquiry]:
        """Return inquiries in these states, oldest first."""
        return await self._select(_IN_STATE, [[state.value for state in states]])

    async def find(self, batch_id: str) -> Inquiry | None:
        """Return an inquiry."""
        found = await self._select(_FIND, (batch_id,))
        return found[0] if found else None

    async def by_wire(self, channel: str, wire_batch: str) -> Inquiry | None:
        """Return a channel's newest inquiry whose file's header carries this batch id."""
        found = await self._select(_BY_WIRE, (channel, wire_batch))
        return found[0] if found else None

    async def next_wire(self, channel: str, digits: int) -> str:
        """Return the channel's next short batch id, of so many digits; after the last comes 1."""

        async def work(db: asyncpg.Connection) -> str:
            return f"{int(await db.fetchval(_COUNT_WIRE, channel, 10**digits - 1)):0{digits}}"

        return await self._database.run(work)

    async def page(
        self,
        tenant: str,
        *,
        channel: str = "",
        states: Collection[InquiryState],
        before: str,
        limit: int,
    ) -> Sequence[Inquiry]:
        """Return a tenant's inquiries, newest first, before a batch id (empty: the newest)."""
        arguments = Arguments()
        one = arguments.one
        where = [f"tenant = {one(tenant)}"]
        if channel:
            where.append(f"channel = {one(channel)}")
        if before:
            where.append(f"batch_id < {one(before)}")
        if states:
            where.append(f"state = ANY({one([state.value for state in states], 'text[]')})")
        sql = (
            f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE {' AND '.join(where)}"  # noqa: S608
            f" ORDER BY batch_id DESC LIMIT {one(limit)}"
        )
        return await self._select(sql, arguments.values)

    async def progress(self, batch_id: str) -> InquiryProgress:
        """Return how far an inquiry's answers are."""
        rows = await self._database.rows(_PROGRESS, batch_id)
        states = {str(state): int(count) for part, state, _, _, count in rows if part == 0}
        return stored.progress(states, [tuple(row)[1:] for row in rows if row[0] == 1])

    async def questions(self, batch_id: str) -> Mapping[str, Question]:
        """Return an inquiry's questions by reference, in the order of the file."""
        return stored.questions(await self._database.rows(_QUESTIONS, batch_id))

    async def written(
        self, inquiry: Inquiry, kept: Sequence[Question], dropped: Mapping[str, str]
    ) -> None:
        """Fix the file: name and digest, what was really asked, what was dropped and why."""

        async def work(db: asyncpg.Connection) -> None:
            await db.execute(
                _WRITTEN,
                inquiry.asked_at,
                inquiry.file_name,
                inquiry.sha256,
                inquiry.size,
                inquiry.records,
                inquiry.wire_batch,
                inquiry.batch_id,
            )
            await merge_questions(db, inquiry, kept, dropped)
            await keep_questions(db, inquiry, kept)
            await drop_questions(db, inquiry, dropped, inquiry.asked_at)
            kind = EventType.INQUIRY_WRITTEN
            await self._tell.inquiry(db, inquiry.batch_id, kind, inquiry.asked_at)

        await self._database.run(work)

    async def emptied(self, batch_id: str, dropped: Mapping[str, str], at: int) -> None:
        """Close an inquiry of which nothing was left to ask."""

        async def work(db: asyncpg.Connection) -> None:
            found = await db.fetchrow(_FIND, batch_id)
            if found is not None:
                await drop_questions(db, stored.inquiry(found), dropped, at)
                await db.execute(_EMPTY, at, batch_id)
                await db.execute(_AWAITED_NO_MORE, [batch_id])
                await self._tell.inquiry(db, batch_id, EventType.INQUIRY_EMPTIED, at)

        await self._database.run(work)

    async def sent(self, batch_id: str, at: int) -> None:
        """Note that the file is in the outbox."""

        async def work(db: asyncpg.Connection) -> None:
            if await db.fetch(_SENT, at, batch_id):
                await self._tell.inquiry(db, batch_id, EventType.INQUIRY_SENT, at)

        await self._database.run(work)

    async def expire(self, asked_before: int, at: int) -> int:
        """Mark questions of older inquiries unanswered; return how many."""

        async def work(db: asyncpg.Connection) -> int:
            late = [stored.inquiry(row) for row in await db.fetch(_EXPIRE, at, asked_before)]
            if not late:
                return 0
            batch_ids = sorted(inquiry.batch_id for inquiry in late)
            total = len(await db.fetch(_UNANSWERED, batch_ids))
            await db.execute(_AWAITED_NO_MORE, batch_ids)
            for batch_id in batch_ids:
                await self._tell.inquiry(db, batch_id, EventType.INQUIRY_EXPIRED, at)
            await open_incidents(db, [unanswered(inquiry, at) for inquiry in late])
            return total

        return await self._database.run(work)

    async def _select(self, sql: str, values: Sequence[Any]) -> Sequence[Inquiry]:
        return [stored.inquiry(row) for row in await self._database.rows(sql, *values)]
