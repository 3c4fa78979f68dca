"""The questions of an inquiry in SQLite, and the cards behind them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import apsw

from updater.adapters.consequences import MERGED, not_asked
from updater.adapters.sqlite.incidents import open_incident
from updater.domain.inquiry import Inquiry, InquiryState, Question

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


def not_awaited(
    db: apsw.Connection, inquiry: Inquiry, questions: Sequence[Question]
) -> Sequence[Question]:
    """Return the questions none of whose cards another inquiry awaits."""
    awaited = (
        "SELECT 1 FROM enrolments WHERE tenant = ? AND merchant_account = ? AND token = ?"
        " AND open_batch NOT IN ('', ?)"
    )
    whose = (inquiry.tenant, inquiry.merchant_account)
    return [
        question
        for question in questions
        if not any(
            db.execute(awaited, (*whose, card.token, inquiry.batch_id)).fetchone()
            for card in question.cards
        )
    ]


def add_questions(db: apsw.Connection, inquiry: Inquiry, questions: Sequence[Question]) -> None:
    """Keep a new inquiry's questions; their cards are awaited by it."""
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


def merge_questions(
    db: apsw.Connection,
    inquiry: Inquiry,
    kept: Sequence[Question],
    dropped: Collection[str],
) -> None:
    """End the questions that went up in others: their cards are where `kept` has them, or free."""
    stay = {*dropped, *(question.reference for question in kept)}
    home = {card.token: question.reference for question in kept for card in question.cards}
    sql = (
        "SELECT q.reference, c.token FROM questions q JOIN question_cards c"
        " ON c.reference = q.reference WHERE q.batch_id = ?"
    )
    for reference, token in db.execute(sql, (inquiry.batch_id,)).fetchall():
        if reference in stay:
            continue
        place = (reference, token)
        if token in home:
            sql = "UPDATE question_cards SET reference = ? WHERE reference = ? AND token = ?"
            db.execute(sql, (home[token], *place))
        else:
            db.execute("DELETE FROM question_cards WHERE reference = ? AND token = ?", place)
            db.execute(
                "UPDATE enrolments SET open_batch = '' WHERE tenant = ?"
                " AND merchant_account = ? AND token = ?",
                (inquiry.tenant, inquiry.merchant_account, token),
            )
        sql = "UPDATE questions SET state = 'DROPPED', reason = ? WHERE reference = ?"
        db.execute(sql, (MERGED, reference))


def keep_question(db: apsw.Connection, inquiry: Inquiry, question: Question) -> None:
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


def drop_questions(
    db: apsw.Connection, inquiry: Inquiry, dropped: Mapping[str, str], at: int
) -> None:
    """Drop questions that could not be asked, and tell an operator why."""
    for reference, reason in dropped.items():
        db.execute(
            "UPDATE questions SET state = 'DROPPED', reason = ? WHERE reference = ?",
            (reason, reference),
        )
        db.execute(_DROPPED, (at, inquiry.tenant, inquiry.merchant_account, reference))
        db.execute(
            "UPDATE enrolments SET open_batch = '' WHERE open_batch = ? AND open_batch <> ''"
            " AND token IN (SELECT token FROM question_cards WHERE reference = ?)",
            (inquiry.batch_id, reference),
        )
        first = "SELECT ifnull(min(token), '') FROM question_cards WHERE reference = ?"
        row = db.execute(first, (reference,)).fetchone()
        token = "" if row is None else str(row[0])
        open_incident(db, not_asked(inquiry, reference, reason, token, at))


def end_inquiry(db: apsw.Connection, batch_id: str, state: InquiryState, at: int) -> None:
    """End an inquiry; its cards are awaited no more."""
    db.execute(
        "UPDATE inquiries SET state = ?, ended_at = ? WHERE batch_id = ?",
        (state.value, at, batch_id),
    )
    db.execute(
        "UPDATE enrolments SET open_batch = '' WHERE open_batch = ? AND open_batch <> ''",
        (batch_id,),
    )
