"""Inquiries in SQLite (`InquiryStore`)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import apsw

from updater.adapters import stored
from updater.adapters.consequences import unanswered
from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.incidents import open_incident
from updater.adapters.sqlite.outbox import Teller
from updater.adapters.sqlite.questions import (
    add_questions,
    drop_questions,
    end_inquiry,
    keep_question,
    merge_questions,
    not_awaited,
)
from updater.adapters.sqlite.requests import remember, subject_of
from updater.adapters.stored import INQUIRY_COLUMNS
from updater.domain.events import EventType
from updater.domain.inquiry import Inquiry, InquiryState, Question
from updater.usecases.ports_store import InquiryProgress, RequestMark

_CARDS_OF: Final = """
  SELECT q.reference, q.state, q.number_mac, c.token, c.credential_version
  FROM questions q JOIN question_cards c ON c.reference = q.reference
  WHERE q.batch_id = ? ORDER BY q.ordinal, c.token
"""
_LATE: Final = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE state = 'SENT' AND asked_at < ?"  # noqa: S608
_BY_WIRE: Final = (
    f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE channel = ? AND wire_batch = ?"  # noqa: S608
    " ORDER BY batch_id DESC LIMIT 1"
)
_COUNT_WIRE: Final = """
  INSERT INTO wire_counters VALUES (?1, 1)
  ON CONFLICT DO UPDATE SET last = CASE WHEN last < ?2 THEN last + 1 ELSE 1 END RETURNING last
"""


class SqliteInquiries:
    """The tables `inquiries`, `questions` and `question_cards`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def create(
        self, inquiry: Inquiry, questions: Sequence[Question], mark: RequestMark | None = None
    ) -> bool:
        """Keep a new inquiry of what nobody else asks; tell whether. Raises RequestIdReused."""

        def work(db: apsw.Connection) -> bool:
            free = not_awaited(db, inquiry, questions)
            if questions and not free:
                return False
            if mark is not None and remember(db, mark, inquiry.batch_id, inquiry.created_at):
                return False
            row = (
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
            db.execute(
                "INSERT INTO inquiries (batch_id, channel, tenant, merchant_account, merchant_id,"
                " state, created_at, wire_batch, network) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            add_questions(db, inquiry, free)
            kind = EventType.INQUIRY_CREATED
            self._tell.inquiry(db, inquiry.batch_id, kind, inquiry.created_at)
            return True

        return await self._database.run(work)

    async def by_request(self, mark: RequestMark) -> Inquiry | None:
        """Return what this very request has created. Raises RequestIdReused."""
        batch_id = await self._database.run(lambda db: subject_of(db, mark))
        return None if batch_id is None else await self.find(batch_id)

    async def in_state(self, *states: InquiryState) -> Sequence[Inquiry]:
        """Return inquiries in these states, oldest first."""
        marks = ", ".join("?" * len(states))
        sql = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE state IN ({marks}) ORDER BY batch_id"  # noqa: S608
        return await self._select(sql, [state.value for state in states])

    async def find(self, batch_id: str) -> Inquiry | None:
        """Return an inquiry."""
        sql = f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE batch_id = ?"  # noqa: S608
        found = await self._select(sql, (batch_id,))
        return found[0] if found else None

    async def by_wire(self, channel: str, wire_batch: str) -> Inquiry | None:
        """Return a channel's newest inquiry whose file's header carries this batch id."""
        found = await self._select(_BY_WIRE, (channel, wire_batch))
        return found[0] if found else None

    async def next_wire(self, channel: str, digits: int) -> str:
        """Return the channel's next short batch id, of so many digits; after the last comes 1."""

        def work(db: apsw.Connection) -> str:
            row = db.execute(_COUNT_WIRE, (channel, 10**digits - 1)).fetchone()
            assert row is not None  # noqa: S101 - an upsert always returns its row
            return f"{int(row[0]):0{digits}}"

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
        where, values = ["tenant = ?"], [tenant]
        if channel:
            where.append("channel = ?")
            values.append(channel)
        if before:
            where.append("batch_id < ?")
            values.append(before)
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values += [state.value for state in states]
        sql = (
            f"SELECT {INQUIRY_COLUMNS} FROM inquiries WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY batch_id DESC LIMIT ?"
        )
        return await self._select(sql, (*values, limit))

    async def progress(self, batch_id: str) -> InquiryProgress:
        """Return how far an inquiry's answers are."""

        def work(db: apsw.Connection) -> InquiryProgress:
            states = Counter[str]()
            for state, count in db.execute(
                "SELECT q.state, count(*) FROM questions q JOIN question_cards c"
                " ON c.reference = q.reference WHERE q.batch_id = ? GROUP BY q.state",
                (batch_id,),
            ):
                states[state] = count
            answers = db.execute(
                "SELECT a.outcome, a.disposition, a.shadow, count(*) FROM feed_files f"
                " JOIN answers a ON a.feed_id = f.feed_id WHERE f.batch_id = ? GROUP BY 1, 2, 3",
                (batch_id,),
            )
            return stored.progress(states, answers)

        return await self._database.run(work)

    async def questions(self, batch_id: str) -> Mapping[str, Question]:
        """Return an inquiry's questions by reference, in the order of the file."""

        def work(db: apsw.Connection) -> Mapping[str, Question]:
            return stored.questions(db.execute(_CARDS_OF, (batch_id,)))

        return await self._database.run(work)

    async def written(
        self, inquiry: Inquiry, kept: Sequence[Question], dropped: Mapping[str, str]
    ) -> None:
        """Fix the file: name and digest, what was really asked, what was dropped and why."""

        def work(db: apsw.Connection) -> None:
            db.execute(
                "UPDATE inquiries SET state = ?, asked_at = ?, file_name = ?, sha256 = ?,"
                " size = ?, records = ?, wire_batch = ? WHERE batch_id = ?",
                (
                    InquiryState.WRITTEN.value,
                    inquiry.asked_at,
                    inquiry.file_name,
                    inquiry.sha256,
                    inquiry.size,
                    inquiry.records,
                    inquiry.wire_batch,
                    inquiry.batch_id,
                ),
            )
            merge_questions(db, inquiry, kept, dropped)
            for question in kept:
                keep_question(db, inquiry, question)
            drop_questions(db, inquiry, dropped, inquiry.asked_at)
            self._tell.inquiry(db, inquiry.batch_id, EventType.INQUIRY_WRITTEN, inquiry.asked_at)

        await self._database.run(work)

    async def emptied(self, batch_id: str, dropped: Mapping[str, str], at: int) -> None:
        """Close an inquiry of which nothing was left to ask."""
        inquiry = await self.find(batch_id)
        if inquiry is None:
            return

        def work(db: apsw.Connection) -> None:
            drop_questions(db, inquiry, dropped, at)
            end_inquiry(db, batch_id, InquiryState.EMPTY, at)
            self._tell.inquiry(db, batch_id, EventType.INQUIRY_EMPTIED, at)

        await self._database.run(work)

    async def sent(self, batch_id: str, at: int) -> None:
        """Note that the file is in the outbox."""

        def work(db: apsw.Connection) -> None:
            db.execute(
                "UPDATE inquiries SET state = 'SENT', sent_at = ?"
                " WHERE batch_id = ? AND state = 'WRITTEN'",
                (at, batch_id),
            )
            if db.changes():
                self._tell.inquiry(db, batch_id, EventType.INQUIRY_SENT, at)

        await self._database.run(work)

    async def expire(self, asked_before: int, at: int) -> int:
        """Mark questions of older inquiries unanswered; return how many."""

        def work(db: apsw.Connection) -> int:
            late = [stored.inquiry(row) for row in db.execute(_LATE, (asked_before,))]
            total = 0
            for batch_id in (inquiry.batch_id for inquiry in late):
                db.execute(
                    "UPDATE questions SET state = 'UNANSWERED' WHERE batch_id = ?"
                    " AND state = 'OPEN'",
                    (batch_id,),
                )
                total += db.changes()
                end_inquiry(db, batch_id, InquiryState.EXPIRED, at)
                self._tell.inquiry(db, batch_id, EventType.INQUIRY_EXPIRED, at)
            for inquiry in late:
                open_incident(db, unanswered(inquiry, at))
            return total

        return await self._database.run(work)

    async def _select(self, sql: str, values: Iterable[Any]) -> Sequence[Inquiry]:
        def work(db: apsw.Connection) -> Sequence[Inquiry]:
            return [stored.inquiry(row) for row in db.execute(sql, tuple(values))]

        return await self._database.run(work)
