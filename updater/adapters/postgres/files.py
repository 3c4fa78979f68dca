"""What is done to a feed file inside a transaction: looks at it, decisions about it, its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments
from updater.adapters.consequences import APPLIED_AFTER_ALL, THERE_AGAIN, expect, may_be
from updater.adapters.postgres.incidents import open_incidents, settle_missing, settle_standing
from updater.adapters.postgres.outbox import Teller
from updater.adapters.postgres.requests import remember
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

_LOCK: Final = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE feed_id = $1 FOR UPDATE"  # noqa: S608
_FORGET_SIGHTINGS: Final = "DELETE FROM sightings WHERE channel = $1 AND name <> ALL($2::text[])"
_SIGHTING: Final = {"name": "text", "size": "bigint", "modified_ns": "bigint"}
_DECIDE: Final = (
    "UPDATE feed_files SET state = $1, decided_by = $2, decided_at = $3, decision = $4"
    " WHERE feed_id = $5"
)
_RESTS: Final = (
    "SELECT 1 FROM pauses WHERE channel = $1 AND tenant = $2 AND resumed_at IS NULL LIMIT 1"
)
_GIVE_UP: Final = "UPDATE feed_files SET reason = $1, missing_since = NULL WHERE feed_id = $2"
_MISSING: Final = (
    "UPDATE feed_files SET missing_since = $1 WHERE feed_id = $2 AND missing_since IS NULL"
    " AND state IN ('VALIDATED', 'HELD') RETURNING 1"
)
_FOUND: Final = "UPDATE feed_files SET missing_since = NULL WHERE feed_id = $1"
_BEGUN: Final = "SELECT 1 FROM answers WHERE feed_id = $1 LIMIT 1"
_APPLIED: Final = (
    "UPDATE feed_files SET state = 'APPLIED', applied_at = $1"
    " WHERE feed_id = $2 AND state = 'VALIDATED' RETURNING 1"
)
# Rows may be missing, and come no more: they wait for the time-out, and may still come after it.
_INQUIRY_ANSWERED: Final = (
    "UPDATE inquiries AS i SET state = 'ANSWERED', ended_at = $1 WHERE i.batch_id ="
    " (SELECT batch_id FROM feed_files WHERE feed_id = $2) AND i.state <> 'ANSWERED'"
    " AND NOT EXISTS (SELECT 1 FROM questions AS q WHERE q.batch_id = i.batch_id"
    " AND q.state IN ('OPEN', 'UNANSWERED')) RETURNING i.batch_id"
)
_REVERTED: Final = (
    "UPDATE feed_files SET state = 'REVERTED', reverted_at = $1, reverted_by = $2,"
    " revert_reason = $3 WHERE feed_id = $4"
)


async def count_looks(
    db: asyncpg.Connection, channel: str, seen: Sequence[Sighting]
) -> Sequence[Sighting]:
    """Note a look at a channel's inbox; return it with `polls` counted, forgetting the rest."""
    await db.execute(_FORGET_SIGHTINGS, channel, [each.name for each in seen])
    if not seen:
        return []
    polls = {str(name): int(count) for name, count in await db.fetch(*_sighting(channel, seen))}
    return [replace(each, polls=polls[each.name]) for each in seen]


def _sighting(channel: str, seen: Sequence[Sighting]) -> tuple[Any, ...]:
    """Return the statement that counts looks, and its values."""
    arguments = Arguments()
    source = arguments.rows([(each.name, each.size, each.modified_ns) for each in seen], _SIGHTING)
    sql = (
        "INSERT INTO sightings AS s (channel, name, size, modified_ns, polls)"  # noqa: S608
        f" SELECT {arguments.one(channel, 'text')}, k.name, k.size, k.modified_ns, 1 FROM {source}"
        " ON CONFLICT (channel, name) DO UPDATE SET polls = CASE WHEN s.size = excluded.size"
        " AND s.modified_ns = excluded.modified_ns THEN s.polls + 1 ELSE 1 END,"
        " size = excluded.size, modified_ns = excluded.modified_ns RETURNING name, polls"
    )
    return (sql, *arguments.values)


async def release_file(
    db: asyncpg.Connection,
    tell: Teller,
    feed_id: str,
    decided: tuple[FeedState, str],
    at: int,
    mark: RequestMark,
) -> FeedFile:
    """Release or refuse a file, and settle its exceptions; `decided` is state and reason.

    One that was begun, and is given up on, stays as far applied as it is.
    """
    again = await remember(db, mark, feed_id, at) is not None
    file = await _file_of(db, feed_id)
    if again:
        return file
    state, resolution = decided
    rests = bool(await db.fetch(_RESTS, file.channel, file.tenant))
    may_be(file, state, rests=rests)
    begun = bool(await db.fetch(_BEGUN, feed_id))
    # One that was begun is VALIDATED, and ended like any other.
    now = FeedState.VALIDATED if begun else state
    await db.execute(_DECIDE, now.value, mark.principal, at, resolution, feed_id)
    await settle_standing(db, feed_id, resolution, at, mark.principal)
    if state is FeedState.QUARANTINED:
        await db.execute(_GIVE_UP, Quarantine.REJECTED_BY_OPERATOR.value, feed_id)
        await settle_missing(db, feed_id, resolution, at, mark.principal)
        if begun:
            await end_file(db, tell, feed_id, at)
        else:
            await tell.feed(db, feed_id, EventType.FEED_QUARANTINED, at)
    return await _file_of(db, feed_id)


async def miss_file(db: asyncpg.Connection, feed_id: str, incident: Incident) -> None:
    """Note that a file is missing, and open its exception, if both are news."""
    if await db.fetch(_MISSING, incident.opened_at, feed_id):
        await open_incidents(db, [incident])


async def find_file(db: asyncpg.Connection, feed_id: str, at: int) -> FeedFile:
    """Note that a file is there again, and resolve its exception."""
    file = await _file_of(db, feed_id)  # locks it: a decision about it comes before, or after
    await db.execute(_FOUND, feed_id)
    await settle_missing(db, feed_id, THERE_AGAIN, at, BY_ITSELF)
    return replace(file, missing_since=None)


async def end_file(db: asyncpg.Connection, tell: Teller, feed_id: str, at: int) -> None:
    """Note that a file is applied, and that its inquiry is answered if nothing is open."""
    if await db.fetch(_APPLIED, at, feed_id):
        await tell.feed(db, feed_id, EventType.FEED_APPLIED, at)
        await settle_standing(db, feed_id, APPLIED_AFTER_ALL, at, BY_ITSELF)
    for (batch_id,) in await db.fetch(_INQUIRY_ANSWERED, at, feed_id):
        await tell.inquiry(db, batch_id, EventType.INQUIRY_ANSWERED, at)


async def revert_file(
    db: asyncpg.Connection, tell: Teller, feed_id: str, reason: str, at: int, mark: RequestMark
) -> FeedFile:
    """Note that an applied file was taken back."""
    again = await remember(db, mark, feed_id, at) is not None
    file = await _file_of(db, feed_id)
    if again:
        return file
    expect(file, FeedState.APPLIED)
    await db.execute(_REVERTED, at, mark.principal, reason, feed_id)
    await tell.feed(db, feed_id, EventType.FEED_REVERTED, at)
    return await _file_of(db, feed_id)


async def _file_of(db: asyncpg.Connection, feed_id: str) -> FeedFile:
    """Return a file, locked. Raises FeedFileNotFound."""
    found = await db.fetchrow(_LOCK, feed_id)
    if found is None:
        raise FeedFileNotFound("there is no such feed file")
    return feed_file(found)
