"""Inquiries in SQLite (`InquiryStore`)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import apsw

from updater.adapters import stored
from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.incidents import open_incident
from updater.adapters.sqlite.outbox import Teller
from updater.adapters.sqlite.requests import remember, subject_of
from updater.adapters.stored import INQUIRY_COLUMNS
from updater.domain.events import EventType
from updater.domain.feed import ExceptionKind, Incident
from updater.domain.inquiry import Inquiry, InquiryState, ItemState, Question
from updater.usecases.ports import InquiryProgress, RequestMark

_CARDS_OF: Final = """
  SELECT q.reference, q.state, q.number_mac, c.token, c.credential_version
  FROM questions q JOIN question_cards c ON c.reference = q.reference
  WHERE q.batch_id = ? ORDER BY q.ordinal, c.token
"""
# What is asked counts from the moment the file is fixed. New contents right after an update of
# ours lengthen the chain; anything else starts a new one.
_ASKED: Final = """
  UPDATE enrolments SET
    chain = CASE WHEN asked_version IS NULL OR asked_version = ?1 THEN 0 ELSE chain + 1 END,
    asked_at = ?2, asked_version = ?1
  WHERE tenant = ?3 AND merchant_account = ?4 AND token = ?5
"""
_DROPPED: Final = """
  UPDATE enrolments SET asked_at = ?1, asked_version = (
    SELECT credential_version FROM cards c
    WHERE c.tenant = enrolments.tenant AND c.token = enrolments.token)
  WHERE tenant = ?2 AND merchant_account = ?3
    AND token = (SELECT min(token) FROM question_cards WHERE reference = ?4)
"""


class SqliteInquiries:
    """The tables `inquiries`, `questions` and `question_cards`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def create(
        self, inquiry: Inquiry, questions: Sequence[Question], mark: RequestMark | None = None
    ) -> None:
        """Keep a new inquiry; its cards are from now on awaited. Raises RequestIdReused."""

        def work(db: apsw.Connection) -> None:
            if mark is not None and remember(db, mark, inquiry.batch_id, inquiry.created_at):
                return
            row = (
                inquiry.batch_id,
                inquiry.channel,
                inquiry.tenant,
                inquiry.merchant_account,
                inquiry.merchant_id,
                inquiry.state.value,
                inquiry.created_at,
            )
            db.execute(
                "INSERT INTO inquiries (batch_id, channel, tenant, merchant_account, merchant_id,"
                " state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            _insert_questions(db, inquiry, questions)
            kind = EventType.INQUIRY_CREATED
            self._tell.inquiry(db, inquiry.batch_id, kind, inquiry.created_at)

        await self._database.run(work)

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

    async def page(
        self, tenant: str, *, states: Collection[InquiryState], before: str, limit: int
    ) -> Sequence[Inquiry]:
        """Return a tenant's inquiries, newest first, before a batch id (empty: the newest)."""
        where, values = ["tenant = ?"], [tenant]
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
                "SELECT a.outcome, a.disposition, count(*) FROM feed_files f JOIN answers a"
                " ON a.feed_id = f.feed_id WHERE f.batch_id = ? GROUP BY 1, 2",
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
                " size = ?, records = ? WHERE batch_id = ?",
                (
                    InquiryState.WRITTEN.value,
                    inquiry.asked_at,
                    inquiry.file_name,
                    inquiry.sha256,
                    inquiry.size,
                    inquiry.records,
                    inquiry.batch_id,
                ),
            )
            for question in kept:
                _keep(db, inquiry, question)
            _drop(db, inquiry, dropped, inquiry.asked_at)
            self._tell.inquiry(db, inquiry.batch_id, EventType.INQUIRY_WRITTEN, inquiry.asked_at)

        await self._database.run(work)

    async def emptied(self, batch_id: str, dropped: Mapping[str, str], at: int) -> None:
        """Close an inquiry of which nothing was left to ask."""
        inquiry = await self.find(batch_id)
        if inquiry is None:
            return

        def work(db: apsw.Connection) -> None:
            _drop(db, inquiry, dropped, at)
            _end(db, batch_id, InquiryState.EMPTY, at)
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
            sql = "SELECT batch_id FROM inquiries WHERE state = 'SENT' AND asked_at < ?"
            late = [str(row[0]) for row in db.execute(sql, (asked_before,))]
            total = 0
            for batch_id in late:
                db.execute(
                    "UPDATE questions SET state = 'UNANSWERED' WHERE batch_id = ?"
                    " AND state = 'OPEN'",
                    (batch_id,),
                )
                total += db.changes()
                reason = ItemState.UNANSWERED.value
                kind = ExceptionKind.INQUIRY_UNANSWERED
                open_incident(db, Incident(kind, batch_id, reason, opened_at=at))
                _end(db, batch_id, InquiryState.EXPIRED, at)
                self._tell.inquiry(db, batch_id, EventType.INQUIRY_EXPIRED, at)
            return total

        return await self._database.run(work)

    async def _select(self, sql: str, values: Iterable[Any]) -> Sequence[Inquiry]:
        def work(db: apsw.Connection) -> Sequence[Inquiry]:
            return [stored.inquiry(row) for row in db.execute(sql, tuple(values))]

        return await self._database.run(work)


def _insert_questions(db: apsw.Connection, inquiry: Inquiry, questions: Sequence[Question]) -> None:
    db.executemany(
        "INSERT INTO questions (reference, batch_id, ordinal, state) VALUES (?, ?, ?, ?)",
        (
            (question.reference, inquiry.batch_id, ordinal, question.state.value)
            for ordinal, question in enumerate(questions, start=1)
        ),
    )
    cards = [(question.reference, card) for question in questions for card in question.cards]
    db.executemany(
        "INSERT INTO question_cards VALUES (?, ?, ?)",
        ((reference, card.token, card.credential_version) for reference, card in cards),
    )
    db.executemany(
        "UPDATE enrolments SET open_batch = ? WHERE tenant = ? AND merchant_account = ?"
        " AND token = ?",
        (
            (inquiry.batch_id, inquiry.tenant, inquiry.merchant_account, card.token)
            for _, card in cards
        ),
    )


def _keep(db: apsw.Connection, inquiry: Inquiry, question: Question) -> None:
    """Fix one question as asked; cards that turned out to hold something else leave it."""
    db.execute(
        "UPDATE questions SET number_mac = ? WHERE reference = ?",
        (question.number_mac, question.reference),
    )
    asked = {card.token: card.credential_version for card in question.cards}
    sql = "SELECT token FROM question_cards WHERE reference = ?"
    for (token,) in db.execute(sql, (question.reference,)).fetchall():
        where = (inquiry.tenant, inquiry.merchant_account, token)
        if token in asked:
            db.execute(_ASKED, (asked[token], inquiry.asked_at, *where))
            db.execute(
                "UPDATE question_cards SET credential_version = ? WHERE reference = ?"
                " AND token = ?",
                (asked[token], question.reference, token),
            )
        else:
            db.execute(
                "UPDATE enrolments SET open_batch = '' WHERE tenant = ?"
                " AND merchant_account = ? AND token = ?",
                where,
            )
            db.execute(
                "DELETE FROM question_cards WHERE reference = ? AND token = ?",
                (question.reference, token),
            )


def _drop(db: apsw.Connection, inquiry: Inquiry, dropped: Mapping[str, str], at: int) -> None:
    for reference, reason in dropped.items():
        db.execute(
            "UPDATE questions SET state = 'DROPPED', reason = ? WHERE reference = ?",
            (reason, reference),
        )
        db.execute(_DROPPED, (at, inquiry.tenant, inquiry.merchant_account, reference))
        db.execute(
            "UPDATE enrolments SET open_batch = '' WHERE open_batch = ? AND token IN"
            " (SELECT token FROM question_cards WHERE reference = ?)",
            (inquiry.batch_id, reference),
        )
        kind = ExceptionKind.CARD_NOT_ASKED
        open_incident(db, Incident(kind, reference, reason, opened_at=at))


def _end(db: apsw.Connection, batch_id: str, state: InquiryState, at: int) -> None:
    db.execute(
        "UPDATE inquiries SET state = ?, ended_at = ? WHERE batch_id = ?",
        (state.value, at, batch_id),
    )
    db.execute("UPDATE enrolments SET open_batch = '' WHERE open_batch = ?", (batch_id,))
