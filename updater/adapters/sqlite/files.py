"""What is done to a feed file inside a transaction: looks at it, decisions about it, its end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import apsw

from updater.adapters.consequences import APPLIED_AFTER_ALL, THERE_AGAIN, expect, may_be
from updater.adapters.sqlite.incidents import open_incident, settle_missing, settle_standing
from updater.adapters.sqlite.outbox import Teller
from updater.adapters.sqlite.requests import remember
from updater.adapters.stored_feeds import FEED_COLUMNS, feed_file
from updater.domain.errors import FeedFileNotFound
from updater.domain.events import EventType
from updater.domain.feed import (
    BY_ITSELF,
    FeedFile,
    FeedState,
    Incident,
    Quarantine,
    Sighting,
)
from updater.usecases.ports_store import RequestMark

_FIND: Final = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE feed_id = ?"  # noqa: S608
_SIGHT: Final = """
  INSERT INTO sightings VALUES (?1, ?2, ?3, ?4, 1)
  ON CONFLICT DO UPDATE SET
    polls = CASE WHEN size = ?3 AND modified_ns = ?4 THEN polls + 1 ELSE 1 END,
    size = ?3, modified_ns = ?4
  RETURNING polls
"""
_DECIDE: Final = """
  UPDATE feed_files SET state = ?1, decided_by = ?2, decided_at = ?3, decision = ?4
  WHERE feed_id = ?5
"""
_RESTS: Final = (
    "SELECT 1 FROM pauses WHERE channel = ? AND tenant = ? AND resumed_at IS NULL LIMIT 1"
)
_GIVE_UP: Final = """
  UPDATE feed_files SET reason = ?1, missing_since = NULL WHERE feed_id = ?2
"""
_MISSING: Final = """
  UPDATE feed_files SET missing_since = ?
  WHERE feed_id = ? AND missing_since IS NULL AND state IN ('VALIDATED', 'HELD')
"""
_FOUND: Final = "UPDATE feed_files SET missing_since = NULL WHERE feed_id = ?"
_BEGUN: Final = "SELECT 1 FROM answers WHERE feed_id = ? LIMIT 1"
_APPLIED: Final = """
  UPDATE feed_files SET state = 'APPLIED', applied_at = ?
  WHERE feed_id = ? AND state = 'VALIDATED'
"""
# Rows may be missing, and come no more: they wait for the time-out, and may still come after it.
_INQUIRY_ANSWERED: Final = """
  UPDATE inquiries SET state = 'ANSWERED', ended_at = ?1
  WHERE batch_id = (SELECT batch_id FROM feed_files WHERE feed_id = ?2) AND state <> 'ANSWERED'
    AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.batch_id = inquiries.batch_id
      AND q.state IN ('OPEN', 'UNANSWERED'))
  RETURNING batch_id
"""
_REVERTED: Final = """
  UPDATE feed_files SET state = 'REVERTED', reverted_at = ?, reverted_by = ?, revert_reason = ?
  WHERE feed_id = ?
"""


def file_of(db: apsw.Connection, feed_id: str) -> FeedFile:
    """Return a file. Raises FeedFileNotFound."""
    found = db.execute(_FIND, (feed_id,)).fetchone()
    if found is None:
        raise FeedFileNotFound("there is no such feed file")
    return feed_file(found)


def count_looks(db: apsw.Connection, channel: str, seen: Sequence[Sighting]) -> Sequence[Sighting]:
    """Note a look at a channel's inbox; return it with `polls` counted, forgetting the rest."""
    names = {sighting.name for sighting in seen}
    known = "SELECT name FROM sightings WHERE channel = ?"
    for (name,) in db.execute(known, (channel,)).fetchall():
        if name not in names:
            db.execute("DELETE FROM sightings WHERE channel = ? AND name = ?", (channel, name))
    counted = []
    for each in seen:
        row = db.execute(_SIGHT, (channel, each.name, each.size, each.modified_ns)).fetchone()
        counted.append(replace(each, polls=1 if row is None else int(row[0])))
    return counted


def release_file(
    db: apsw.Connection,
    tell: Teller,
    feed_id: str,
    decided: tuple[FeedState, str],
    at: int,
    mark: RequestMark,
) -> FeedFile:
    """Release or refuse a file, and settle its exceptions; `decided` is state and reason.

    One that was begun, and is given up on, stays as far applied as it is.
    """
    again = remember(db, mark, feed_id, at) is not None
    file = file_of(db, feed_id)
    if again:
        return file
    state, resolution = decided
    rests = db.execute(_RESTS, (file.channel, file.tenant)).fetchone() is not None
    may_be(file, state, rests=rests)
    begun = db.execute(_BEGUN, (feed_id,)).fetchone() is not None
    # One that was begun is VALIDATED, and ended like any other.
    now = FeedState.VALIDATED if begun else state
    db.execute(_DECIDE, (now.value, mark.principal, at, resolution, feed_id))
    settle_standing(db, feed_id, resolution, at, mark.principal)
    if state is FeedState.QUARANTINED:
        db.execute(_GIVE_UP, (Quarantine.REJECTED_BY_OPERATOR.value, feed_id))
        settle_missing(db, feed_id, resolution, at, mark.principal)
        if begun:
            end_file(db, tell, feed_id, at)
        else:
            tell.feed(db, feed_id, EventType.FEED_QUARANTINED, at)
    return file_of(db, feed_id)


def miss_file(db: apsw.Connection, feed_id: str, incident: Incident) -> None:
    """Note that a file is missing, and open its exception, if both are news."""
    db.execute(_MISSING, (incident.opened_at, feed_id))
    if db.changes():
        open_incident(db, incident)


def find_file(db: apsw.Connection, feed_id: str, at: int) -> FeedFile:
    """Note that a file is there again, and resolve its exception."""
    db.execute(_FOUND, (feed_id,))
    settle_missing(db, feed_id, THERE_AGAIN, at, BY_ITSELF)
    return file_of(db, feed_id)


def end_file(db: apsw.Connection, tell: Teller, feed_id: str, at: int) -> None:
    """Note that a file is applied, and that its inquiry is answered if nothing is open."""
    db.execute(_APPLIED, (at, feed_id))
    if db.changes():
        tell.feed(db, feed_id, EventType.FEED_APPLIED, at)
        settle_standing(db, feed_id, APPLIED_AFTER_ALL, at, BY_ITSELF)
    for (batch_id,) in db.execute(_INQUIRY_ANSWERED, (at, feed_id)).fetchall():
        tell.inquiry(db, str(batch_id), EventType.INQUIRY_ANSWERED, at)


def revert_file(
    db: apsw.Connection, tell: Teller, feed_id: str, reason: str, at: int, mark: RequestMark
) -> FeedFile:
    """Note that an applied file was taken back."""
    again = remember(db, mark, feed_id, at) is not None
    file = file_of(db, feed_id)
    if again:
        return file
    expect(file, FeedState.APPLIED)
    db.execute(_REVERTED, (at, mark.principal, reason, feed_id))
    tell.feed(db, feed_id, EventType.FEED_REVERTED, at)
    return file_of(db, feed_id)
