"""Answers of a feed file, kept with their dispositions, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments, inserting
from updater.adapters.consequences import (
    HEARD,
    Answered,
    heard,
    incidents_of,
    replaying,
    settled_by,
)
from updater.adapters.postgres.incidents import note_answered, open_incidents
from updater.adapters.stored_feeds import NEW_ANSWER, answer_row
from updater.domain.errors import FeedFileNotFound
from updater.domain.feed import Answer

_OF: Final = (
    "SELECT f.feed_id, f.tenant, f.channel, f.batch_id, coalesce(i.merchant_account, '')"
    " FROM feed_files AS f LEFT JOIN inquiries AS i ON i.batch_id = f.batch_id"
    " WHERE f.feed_id = $1"
)
_CLOSE: Final = "UPDATE questions SET state = 'ANSWERED' WHERE reference = ANY($1::text[])"
_THERE: Final = (
    "SELECT ordinal, token, shadow FROM answers WHERE feed_id = $1 AND ordinal = ANY($2::bigint[])"
)
_INSTEAD: Final = {"was": "text", **{name: NEW_ANSWER[name] for name in list(NEW_ANSWER)[1:]}}


async def record_answers(
    db: asyncpg.Connection, feed_id: str, answers: Sequence[Answer], at: int
) -> None:
    """Keep answers inside a transaction, and what follows. Raises FeedFileNotFound."""
    of = await _of(db, feed_id)
    await _tell(db, of, await _kept(db, feed_id, answers), at)


async def replay_answers(
    db: asyncpg.Connection, feed_id: str, answers: Sequence[Answer], at: int
) -> None:
    """Keep what is new or was in the shadow so far, inside a transaction, and what follows."""
    of = await _of(db, feed_id)
    ordinals = sorted({answer.ordinal for answer in answers})
    there = {
        (int(ordinal), str(token)): bool(shadow)
        for ordinal, token, shadow in await db.fetch(_THERE, feed_id, ordinals)
    }
    new, instead = replaying(there, answers)
    if instead:
        await db.execute(*_replacing(feed_id, instead))
    told = {(each.ordinal, each.token) for each in await _kept(db, feed_id, new)}
    told |= {(answer.ordinal, answer.token) for _, answer in instead}
    await _tell(db, of, [each for each in answers if (each.ordinal, each.token) in told], at)


async def _of(db: asyncpg.Connection, feed_id: str) -> Answered:
    found = await db.fetchrow(_OF, feed_id)
    if found is None:
        raise FeedFileNotFound("there is no such feed file")
    return Answered(*found)


async def _kept(
    db: asyncpg.Connection, feed_id: str, answers: Sequence[Answer]
) -> Sequence[Answer]:
    """Keep answers; return those that are new."""
    if not answers:
        return []
    arguments = Arguments()
    rows = [answer_row(feed_id, answer) for answer in answers]
    sql = inserting(arguments, "answers", NEW_ANSWER, rows)
    found = await db.fetch(
        f"{sql} ON CONFLICT DO NOTHING RETURNING ordinal, token", *arguments.values
    )
    new = {(int(ordinal), str(token)) for ordinal, token in found}
    return [answer for answer in answers if (answer.ordinal, answer.token) in new]


def _replacing(feed_id: str, instead: Sequence[tuple[str, Answer]]) -> tuple[Any, ...]:
    """Return the statement that puts answers in the place of shadows, and its values."""
    arguments = Arguments()
    rows = [(was, *answer_row(feed_id, answer)[1:]) for was, answer in instead]
    assigned = ", ".join(f"{name} = k.{name}" for name in list(NEW_ANSWER)[2:])
    sql = (
        f"UPDATE answers AS a SET {assigned} FROM {arguments.rows(rows, _INSTEAD)}"  # noqa: S608
        f" WHERE a.feed_id = {arguments.one(feed_id)} AND a.ordinal = k.ordinal"
        " AND a.token = k.was"
    )
    return (sql, *arguments.values)


async def _tell(db: asyncpg.Connection, of: Answered, new: Sequence[Answer], at: int) -> None:
    """Close the questions of new answers, tell the cards, open exceptions."""
    if not new:
        return
    await db.execute(_CLOSE, sorted({answer.reference for answer in new}))
    await db.execute(*_hearing(of, new, at))
    await open_incidents(db, incidents_of(of, new, at))
    await note_answered(db, of.feed_id, settled_by(new))


def _hearing(of: Answered, new: Sequence[Answer], at: int) -> tuple[Any, ...]:
    """Return the statement by which enrolments hear of answers, and its values."""
    arguments = Arguments()
    source = arguments.rows(heard(new), HEARD)
    now = arguments.one(at, "bigint")
    sql = (
        "UPDATE enrolments AS e"  # noqa: S608 - places and constants
        " SET last_outcome = coalesce(k.outcome, e.last_outcome),"
        " last_disposition = coalesce(k.disposition, e.last_disposition),"
        f" updated_at = {now}, checked_at = CASE WHEN k.checked THEN {now} ELSE e.checked_at END,"
        " chain = CASE WHEN k.quiet THEN 0 ELSE e.chain END, open_batch = CASE WHEN k.closes"
        f" AND e.open_batch = {arguments.one(of.batch_id, 'text')} THEN '' ELSE e.open_batch END"
        f" FROM {source} WHERE e.tenant = {arguments.one(of.tenant, 'text')}"
        f" AND e.merchant_account = {arguments.one(of.merchant_account, 'text')}"
        " AND e.token = k.token"
    )
    return (sql, *arguments.values)
