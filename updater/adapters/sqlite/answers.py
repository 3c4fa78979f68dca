"""Answers of a feed file, kept with their dispositions, and what follows from them."""

from collections.abc import Sequence
from typing import Final

import apsw

from updater.adapters.consequences import Answered, heard, incidents_of, replaying, settled_by
from updater.adapters.sqlite.incidents import note_answered, open_incident
from updater.adapters.stored_feeds import NEW_ANSWER, answer_row
from updater.domain.errors import FeedFileNotFound
from updater.domain.feed import Answer

_OF: Final = """
  SELECT f.feed_id, f.tenant, f.channel, f.batch_id, ifnull(i.merchant_account, '')
  FROM feed_files f LEFT JOIN inquiries i ON i.batch_id = f.batch_id WHERE f.feed_id = ?
"""
_KEEP: Final = (
    f"INSERT OR IGNORE INTO answers ({', '.join(NEW_ANSWER)})"  # noqa: S608 - constants only
    f" VALUES ({', '.join('?' * len(NEW_ANSWER))})"
)
_HEAR: Final = """
  UPDATE enrolments SET last_outcome = ifnull(?2, last_outcome),
    last_disposition = ifnull(?3, last_disposition), updated_at = ?7,
    checked_at = CASE WHEN ?4 THEN ?7 ELSE checked_at END,
    chain = CASE WHEN ?5 THEN 0 ELSE chain END,
    open_batch = CASE WHEN ?6 AND open_batch = ?8 THEN '' ELSE open_batch END
  WHERE tenant = ?9 AND merchant_account = ?10 AND token = ?1
"""
_CLOSE: Final = "UPDATE questions SET state = 'ANSWERED' WHERE reference = ?"
_THERE: Final = "SELECT ordinal, token, shadow FROM answers WHERE feed_id = ? AND ordinal = ?"
_INSTEAD: Final = (
    f"UPDATE answers SET {' = ?, '.join(list(NEW_ANSWER)[2:])} = ?"  # noqa: S608 - constants only
    " WHERE feed_id = ? AND ordinal = ? AND token = ?"
)


def record_answers(db: apsw.Connection, feed_id: str, answers: Sequence[Answer], at: int) -> None:
    """Keep answers inside a transaction, and what follows. Raises FeedFileNotFound."""
    of = _of(db, feed_id)
    _tell(db, of, [answer for answer in answers if _kept(db, feed_id, answer)], at)


def replay_answers(db: apsw.Connection, feed_id: str, answers: Sequence[Answer], at: int) -> None:
    """Keep what is new or was in the shadow so far, inside a transaction, and what follows."""
    of = _of(db, feed_id)
    there = {
        (int(ordinal), str(token)): bool(shadow)
        for asked in {answer.ordinal for answer in answers}
        for ordinal, token, shadow in db.execute(_THERE, (feed_id, asked))
    }
    new, instead = replaying(there, answers)
    for token, answer in instead:
        row = answer_row(feed_id, answer)
        db.execute(_INSTEAD, (*row[2:], feed_id, answer.ordinal, token))
    told = {(answer.ordinal, answer.token) for _, answer in instead}
    told |= {(answer.ordinal, answer.token) for answer in new if _kept(db, feed_id, answer)}
    _tell(db, of, [each for each in answers if (each.ordinal, each.token) in told], at)


def _of(db: apsw.Connection, feed_id: str) -> Answered:
    found = db.execute(_OF, (feed_id,)).fetchone()
    if found is None:
        raise FeedFileNotFound("there is no such feed file")
    return Answered(*map(str, found))


def _kept(db: apsw.Connection, feed_id: str, answer: Answer) -> bool:
    """Keep an answer; tell whether it is new."""
    db.execute(_KEEP, answer_row(feed_id, answer))
    return bool(db.changes())


def _tell(db: apsw.Connection, of: Answered, new: Sequence[Answer], at: int) -> None:
    """Close the questions of new answers, tell the cards, open exceptions."""
    db.executemany(_CLOSE, ((answer.reference,) for answer in new))
    db.executemany(
        _HEAR, ((*each, at, of.batch_id, of.tenant, of.merchant_account) for each in heard(new))
    )
    for incident in incidents_of(of, new, at):
        open_incident(db, incident)
    note_answered(db, of.feed_id, settled_by(new))
