"""Answers of a feed file: kept with it, then each with its disposition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from cards.outcomes import CONFIRMS_NOTHING_NEW
from chassis.postgres.sql import Arguments, inserting
from updater.adapters.postgres.incidents import open_incidents
from updater.adapters.stored import answer_row
from updater.domain.dispositions import FOR_AN_OPERATOR, NEVER_SENT, Disposition
from updater.domain.errors import FeedFileNotFound
from updater.domain.feed import Answer, ExceptionKind, Incident

Result = tuple[Answer, Disposition, str]
_ANSWER: Final = {
    "feed_id": "text",
    "ordinal": "bigint",
    "token": "text",
    "reference": "text",
    "update_id": "text",
    "outcome": "text",
    "raw_code": "text",
    "raw_reason": "text",
    "note": "text",
    "disposition": "text",
    "reason": "text",
}
_NOTED: Final = {"ordinal": "bigint", "token": "text", "disposition": "text", "reason": "text"}
_HEARD: Final = {
    "token": "text",
    "outcome": "text",
    "disposition": "text",
    "checked": "boolean",
    "quiet": "boolean",
}
_OF: Final = (
    "SELECT f.tenant, f.batch_id, i.merchant_account FROM feed_files AS f"
    " LEFT JOIN inquiries AS i ON i.batch_id = f.batch_id WHERE f.feed_id = $1"
)
_CLOSE: Final = "UPDATE questions SET state = 'ANSWERED' WHERE reference = ANY($1::text[])"


def adding_answers(feed_id: str, answers: Sequence[Answer]) -> tuple[Any, ...]:
    """Return the statement that keeps new answers, and its values."""
    arguments = Arguments()
    rows = [answer_row(feed_id, answer) for answer in answers]
    return (inserting(arguments, "answers", _ANSWER, rows), *arguments.values)


async def record_answers(
    db: asyncpg.Connection, feed_id: str, results: Sequence[Result], at: int
) -> None:
    """Note dispositions inside a transaction, and what follows. Raises FeedFileNotFound."""
    found = await db.fetchrow(_OF, feed_id)
    if found is None:
        raise FeedFileNotFound("there is no such feed file")
    if not results:
        return
    await db.execute(*_noting(feed_id, results))
    await db.execute(_CLOSE, [answer.reference for answer, _, _ in results])
    # Of several answers about one card the last one counts; a statement changes a row once.
    last = {answer.token: (answer, disposition) for answer, disposition, _ in results}
    checked = {answer.token for answer, _, _ in results if answer.outcome not in NEVER_SENT}
    quiet = {answer.token for answer, _, _ in results if answer.outcome in CONFIRMS_NOTHING_NEW}
    heard = [
        (token, answer.outcome.value, disposition.value, token in checked, token in quiet)
        for token, (answer, disposition) in last.items()
    ]
    await db.execute(*_hearing(tuple(found), heard, at))
    await open_incidents(db, _incidents(feed_id, results, at))


def _noting(feed_id: str, results: Sequence[Result]) -> tuple[Any, ...]:
    arguments = Arguments()
    rows = [
        (answer.ordinal, answer.token, disposition.value, reason)
        for answer, disposition, reason in results
    ]
    sql = (
        "UPDATE answers AS a SET disposition = k.disposition, reason = k.reason"  # noqa: S608
        f" FROM {arguments.rows(rows, _NOTED)} WHERE a.feed_id = {arguments.one(feed_id)}"
        " AND a.ordinal = k.ordinal AND a.token = k.token AND a.disposition IS NULL"
    )
    return (sql, *arguments.values)


def _hearing(file: tuple[Any, ...], heard: Sequence[tuple[Any, ...]], at: int) -> tuple[Any, ...]:
    """Return what a card's enrolment hears: `checked` counts as checked, `quiet` ends a chain."""
    tenant, batch_id, account = file
    arguments = Arguments()
    source = arguments.rows(heard, _HEARD)
    now = arguments.one(at, "bigint")
    sql = (
        "UPDATE enrolments AS e SET last_outcome = k.outcome,"  # noqa: S608
        f" last_disposition = k.disposition, updated_at = {now},"
        f" checked_at = CASE WHEN k.checked THEN {now} ELSE e.checked_at END,"
        " chain = CASE WHEN k.quiet THEN 0 ELSE e.chain END,"
        f" open_batch = CASE WHEN e.open_batch = {arguments.one(batch_id, 'text')} THEN ''"
        f" ELSE e.open_batch END FROM {source} WHERE e.tenant = {arguments.one(tenant, 'text')}"
        f" AND e.merchant_account = {arguments.one(account, 'text')} AND e.token = k.token"
    )
    return (sql, *arguments.values)


def _incidents(feed_id: str, results: Sequence[Result], at: int) -> list[Incident]:
    found = []
    for answer, disposition, reason in results:
        if disposition in FOR_AN_OPERATOR or answer.outcome in NEVER_SENT:
            subject = f"{feed_id}/{answer.ordinal}/{answer.token}"
            what = f"{disposition.value}:{reason}" if reason else disposition.value
            kind = ExceptionKind.ANSWER_NOT_APPLIED
            found.append(Incident(kind, subject, what, opened_at=at))
    return found
