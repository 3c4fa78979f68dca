"""Inquiries in PostgreSQL (`InquiryStore`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments
from updater.adapters import stored
from updater.adapters.postgres.database import Database
from updater.adapters.postgres.incidents import open_incidents
from updater.adapters.postgres.outbox import Teller
from updater.adapters.postgres.questions import add_questions, drop_questions, keep_questions
from updater.adapters.postgres.requests import KNOWN, key_of, remember, subject_of
from updater.adapters.stored import INQUIRY_COLUMNS
from updater.domain.events import EventType
from updater.domain.feed import ExceptionKind, Incident
from updater.domain.inquiry import Inquiry, InquiryState, ItemState, Question
from updater.usecases.ports import InquiryProgress, RequestMark

_ADD: Final = (
    "INSERT INTO inquiries (batch_id, channel, tenant, merchant_account, merchant_id, state,"
    " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
_FIND: Final = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE batch_id = $1"  # noqa: S608
_IN_STATE: Final = (
    f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE state = ANY($1::text[]) ORDER BY batch_id"  # noqa: S608
)
_QUESTIONS: Final = (
    "SELECT q.reference, q.state, q.number_mac, c.token, c.credential_version"
    " FROM questions AS q JOIN question_cards AS c ON c.reference = q.reference"
    " WHERE q.batch_id = $1 ORDER BY q.ordinal, c.token"
)
# One statement, and so one moment: cards by their questions' states, then answers.
_PROGRESS: Final = (
    "SELECT 0, q.state, NULL, count(*) FROM questions AS q JOIN question_cards AS c"
    " ON c.reference = q.reference WHERE q.batch_id = $1 GROUP BY q.state"
    " UNION ALL SELECT 1, a.outcome, a.disposition, count(*) FROM feed_files AS f"
    " JOIN answers AS a ON a.feed_id = f.feed_id WHERE f.batch_id = $1"
    " GROUP BY a.outcome, a.disposition"
)
_WRITTEN: Final = (
    "UPDATE inquiries SET state = 'WRITTEN', asked_at = $1, file_name = $2, sha256 = $3,"
    " size = $4, records = $5 WHERE batch_id = $6"
)
_SENT: Final = (
    "UPDATE inquiries SET state = 'SENT', sent_at = $1 WHERE batch_id = $2 AND state = 'WRITTEN'"
    " RETURNING 1"
)
_LATE: Final = "SELECT batch_id FROM inquiries WHERE state = 'SENT' AND asked_at < $1"
_UNANSWERED: Final = (
    "UPDATE questions SET state = 'UNANSWERED' WHERE batch_id = ANY($1::text[])"
    " AND state = 'OPEN' RETURNING 1"
)
_END: Final = "UPDATE inquiries SET state = $1, ended_at = $2 WHERE batch_id = ANY($3::text[])"
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
    ) -> None:
        """Keep a new inquiry; its cards are from now on awaited. Raises RequestIdReused."""

        async def work(db: asyncpg.Connection) -> None:
            if mark is not None and await remember(db, mark, inquiry.batch_id, inquiry.created_at):
                return
            await db.execute(
                _ADD,
                inquiry.batch_id,
                inquiry.channel,
                inquiry.tenant,
                inquiry.merchant_account,
                inquiry.merchant_id,
                inquiry.state.value,
                inquiry.created_at,
            )
            await add_questions(db, inquiry, questions)
            kind = EventType.INQUIRY_CREATED
            await self._tell.inquiry(db, inquiry.batch_id, kind, inquiry.created_at)

        await self._database.run(work)

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

    async def page(
        self, tenant: str, *, states: Collection[InquiryState], before: str, limit: int
    ) -> Sequence[Inquiry]:
        """Return a tenant's inquiries, newest first, before a batch id (empty: the newest)."""
        arguments = Arguments()
        one = arguments.one
        where = [f"tenant = {one(tenant)}"]
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
        states = {str(state): int(count) for part, state, _, count in rows if part == 0}
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
                inquiry.batch_id,
            )
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
                await _end(db, [batch_id], InquiryState.EMPTY, at)
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
            late = [str(row[0]) for row in await db.fetch(_LATE, asked_before)]
            if not late:
                return 0
            total = len(await db.fetch(_UNANSWERED, late))
            kind, reason = ExceptionKind.INQUIRY_UNANSWERED, ItemState.UNANSWERED.value
            await open_incidents(
                db, [Incident(kind, batch_id, reason, opened_at=at) for batch_id in late]
            )
            await _end(db, late, InquiryState.EXPIRED, at)
            for batch_id in late:
                await self._tell.inquiry(db, batch_id, EventType.INQUIRY_EXPIRED, at)
            return total

        return await self._database.run(work)

    async def _select(self, sql: str, values: Sequence[Any]) -> Sequence[Inquiry]:
        return [stored.inquiry(row) for row in await self._database.rows(sql, *values)]


async def _end(
    db: asyncpg.Connection, batch_ids: Sequence[str], state: InquiryState, at: int
) -> None:
    await db.execute(_END, state.value, at, batch_ids)
    await db.execute(_AWAITED_NO_MORE, batch_ids)
