"""The questions of an inquiry, and the cards behind them: in whole files, not one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import asyncpg

from chassis.postgres.sql import Arguments, inserting
from updater.adapters.consequences import MERGED, not_asked
from updater.adapters.postgres.incidents import open_incidents
from updater.domain.inquiry import Inquiry, Question

_QUESTION: Final = {
    "reference": "text",
    "batch_id": "text",
    "ordinal": "bigint",
    "state": "text",
}
_CARD: Final = {"reference": "text", "token": "text", "credential_version": "bigint"}
_AWAIT: Final = (
    "UPDATE enrolments SET open_batch = $1 WHERE tenant = $2 AND merchant_account = $3"
    " AND token = ANY($4::text[])"
)
# Locked in one order, and read as they are once they are: who waited here sees what it waited for.
_AWAITED: Final = (
    "SELECT token, open_batch FROM enrolments WHERE tenant = $1 AND merchant_account = $2"
    " AND token = ANY($3::text[]) ORDER BY token FOR NO KEY UPDATE"
)
_CARDS_OF: Final = "SELECT reference, token FROM question_cards WHERE reference = ANY($1::text[])"
# What is asked counts from the moment the file is fixed. New contents right after an update of
# ours lengthen the chain; anything else starts a new one.
_ASKED: Final = (
    "UPDATE enrolments AS e SET chain = CASE WHEN e.asked_version IS NULL"
    " OR e.asked_version = k.credential_version THEN 0 ELSE e.chain + 1 END,"
    " asked_at = $1, asked_version = k.credential_version"
    " FROM unnest($4::text[], $5::bigint[]) AS k(token, credential_version)"
    " WHERE e.tenant = $2 AND e.merchant_account = $3 AND e.token = k.token"
)
_MERGED: Final = (
    "SELECT q.reference, c.token FROM questions AS q JOIN question_cards AS c USING (reference)"
    " WHERE q.batch_id = $1 AND q.reference <> ALL($2::text[])"
)
_MOVE: Final = "UPDATE question_cards SET reference = $3 WHERE reference = $1 AND token = $2"
_FIX: Final = (
    "UPDATE questions AS q SET number_mac = k.number_mac"
    " FROM unnest($1::text[], $2::text[]) AS k(reference, number_mac)"
    " WHERE q.reference = k.reference"
)
_FIX_CARDS: Final = (
    "UPDATE question_cards AS c SET credential_version = k.credential_version"
    " FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k(reference, token, credential_version)"
    " WHERE c.reference = k.reference AND c.token = k.token"
)
_REMOVE: Final = (
    "DELETE FROM question_cards AS c USING unnest($1::text[], $2::text[]) AS k(reference, token)"
    " WHERE c.reference = k.reference AND c.token = k.token"
)
_DROP: Final = (
    "UPDATE questions AS q SET state = 'DROPPED', reason = k.reason"
    " FROM unnest($1::text[], $2::text[]) AS k(reference, reason) WHERE q.reference = k.reference"
)
_LEAVE: Final = (
    "UPDATE enrolments SET open_batch = '' WHERE tenant = $1 AND merchant_account = $2"
    " AND token = ANY($3::text[])"
)
_DROPPED: Final = (
    "UPDATE enrolments AS e SET asked_at = $1, asked_version = (SELECT c.credential_version"
    " FROM cards AS c WHERE c.tenant = e.tenant AND c.token = e.token)"
    " FROM (SELECT min(q.token) AS token FROM question_cards AS q"
    " WHERE q.reference = ANY($4::text[]) GROUP BY q.reference) AS k"
    " WHERE e.tenant = $2 AND e.merchant_account = $3 AND e.token = k.token"
)
_FIRST: Final = (
    "SELECT reference, min(token) FROM question_cards WHERE reference = ANY($1::text[])"
    " GROUP BY reference"
)
_AWAITED_NO_MORE: Final = (
    "UPDATE enrolments SET open_batch = '' WHERE open_batch = $1 AND open_batch <> '' AND token IN"
    " (SELECT q.token FROM question_cards AS q WHERE q.reference = ANY($2::text[]))"
)


async def not_awaited(
    db: asyncpg.Connection, inquiry: Inquiry, questions: Sequence[Question]
) -> Sequence[Question]:
    """Return the questions none of whose cards another inquiry awaits; their cards stay locked."""
    tokens = sorted({card.token for question in questions for card in question.cards})
    if not tokens:
        return questions
    found = await db.fetch(_AWAITED, inquiry.tenant, inquiry.merchant_account, tokens)
    free = ("", inquiry.batch_id)
    taken = {str(token) for token, open_batch in found if open_batch not in free}
    return [
        question
        for question in questions
        if not any(card.token in taken for card in question.cards)
    ]


async def add_questions(
    db: asyncpg.Connection, inquiry: Inquiry, questions: Sequence[Question]
) -> None:
    """Keep a new inquiry's questions; their cards are awaited by it."""
    if not questions:
        return
    rows = [
        (question.reference, inquiry.batch_id, ordinal, question.state.value)
        for ordinal, question in enumerate(questions, start=1)
    ]
    cards = [
        (question.reference, card.token, card.credential_version)
        for question in questions
        for card in question.cards
    ]
    for table, columns, values in (
        ("questions", _QUESTION, rows),
        ("question_cards", _CARD, cards),
    ):
        arguments = Arguments()
        await db.execute(inserting(arguments, table, columns, values), *arguments.values)
    tokens = [token for _, token, _ in cards]
    await db.execute(_AWAIT, inquiry.batch_id, inquiry.tenant, inquiry.merchant_account, tokens)


async def merge_questions(
    db: asyncpg.Connection,
    inquiry: Inquiry,
    kept: Sequence[Question],
    dropped: Collection[str],
) -> None:
    """End the questions that went up in others: their cards are where `kept` has them, or free."""
    stay = [*dropped, *(question.reference for question in kept)]
    gone = await db.fetch(_MERGED, inquiry.batch_id, stay)
    if not gone:
        return
    home = {card.token: question.reference for question in kept for card in question.cards}
    moved = [(each[0], each[1], home[each[1]]) for each in gone if each[1] in home]
    free = [str(each[1]) for each in gone if each[1] not in home]
    await db.executemany(_MOVE, moved)
    await db.execute(_LEAVE, inquiry.tenant, inquiry.merchant_account, free)
    references = [str(each[0]) for each in gone]
    await db.execute("DELETE FROM question_cards WHERE reference = ANY($1::text[])", references)
    await db.execute(_DROP, references, [MERGED] * len(references))


async def keep_questions(
    db: asyncpg.Connection, inquiry: Inquiry, kept: Sequence[Question]
) -> None:
    """Fix questions as asked; cards that turned out to hold something else leave them."""
    if not kept:
        return
    asked = {
        (question.reference, card.token): card.credential_version
        for question in kept
        for card in question.cards
    }
    references = [question.reference for question in kept]
    there = {(str(row[0]), str(row[1])) for row in await db.fetch(_CARDS_OF, references)}
    staying = [(*key, version) for key, version in asked.items() if key in there]
    leaving = sorted(there - asked.keys())
    await db.execute(_FIX, references, [question.number_mac for question in kept])
    if staying:
        where = (inquiry.tenant, inquiry.merchant_account)
        tokens = [token for _, token, _ in staying]
        versions = [version for *_, version in staying]
        await db.execute(_ASKED, inquiry.asked_at, *where, tokens, versions)
        await db.execute(_FIX_CARDS, [each for each, *_ in staying], tokens, versions)
    if leaving:
        tokens = [token for _, token in leaving]
        await db.execute(_LEAVE, inquiry.tenant, inquiry.merchant_account, tokens)
        await db.execute(_REMOVE, [each for each, _ in leaving], tokens)


async def drop_questions(
    db: asyncpg.Connection, inquiry: Inquiry, dropped: Mapping[str, str], at: int
) -> None:
    """Drop questions that could not be asked, and tell an operator why."""
    if not dropped:
        return
    references = list(dropped)
    await db.execute(_DROP, references, list(dropped.values()))
    await db.execute(_DROPPED, at, inquiry.tenant, inquiry.merchant_account, references)
    await db.execute(_AWAITED_NO_MORE, inquiry.batch_id, references)
    first = {str(row[0]): str(row[1]) for row in await db.fetch(_FIRST, references)}
    incidents = [
        not_asked(inquiry, reference, reason, first.get(reference, ""), at)
        for reference, reason in dropped.items()
    ]
    await open_incidents(db, incidents)
