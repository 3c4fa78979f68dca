"""Feed files in PostgreSQL (`FeedStore`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments
from updater.adapters.postgres.answers import adding_answers, record_answers
from updater.adapters.postgres.database import Database
from updater.adapters.postgres.incidents import open_incidents
from updater.adapters.postgres.outbox import Teller
from updater.adapters.stored import FEED_COLUMNS, feed_file, feed_row, outcome_key
from updater.domain.dispositions import Disposition
from updater.domain.errors import BatchAlreadyAnswered, FeedFileNotFound
from updater.domain.events import EventType
from updater.domain.feed import Answer, FeedFile, FeedReport, FeedState, Incident, Sighting

_RELEASE: Final = """
  UPDATE feed_files SET state = 'VALIDATED', reason = '', "offset" = 0,
    batch_id = $1, tenant = $2, records = $3
  WHERE feed_id = $4 AND state = 'QUARANTINED' AND NOT EXISTS (SELECT 1 FROM feed_files AS o
    WHERE o.channel = $5 AND o.batch_id = $1 AND o.state IN ('VALIDATED', 'APPLIED'))
  RETURNING 1
"""
_INSERT: Final = (
    f"INSERT INTO feed_files ({FEED_COLUMNS})"  # noqa: S608 - constants only
    f" VALUES ({', '.join(f'${place}' for place in range(1, 15))})"
    " ON CONFLICT DO NOTHING RETURNING 1"
)
_FORGET_SIGHTINGS: Final = "DELETE FROM sightings WHERE name <> ALL($1::text[])"
_SIGHTING: Final = {"name": "text", "size": "bigint", "modified_ns": "bigint"}
_PENDING: Final = "SELECT ordinal, token FROM answers WHERE feed_id = $1 AND disposition IS NULL"
_APPLIED: Final = (
    "UPDATE feed_files SET state = 'APPLIED', applied_at = $1"
    " WHERE feed_id = $2 AND state = 'VALIDATED' RETURNING 1"
)
# Rows may be missing, and come no more: they wait for the time-out.
_ANSWERED: Final = (
    "UPDATE inquiries AS i SET state = 'ANSWERED', ended_at = $1 WHERE i.batch_id ="
    " (SELECT batch_id FROM feed_files WHERE feed_id = $2) AND i.state <> 'ANSWERED'"
    " AND NOT EXISTS (SELECT 1 FROM questions AS q WHERE q.batch_id = i.batch_id"
    " AND q.state = 'OPEN') RETURNING i.batch_id"
)
_COUNTS: Final = (
    "SELECT outcome, disposition, count(*) FROM answers WHERE feed_id = $1"
    " GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST"
)


class PostgresFeeds:
    """The tables `feed_files`, `answers` and `sightings`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def sight(self, seen: Sequence[Sighting]) -> Sequence[Sighting]:
        """Note a look at the inbox; return the same with `polls` counted, forgetting the rest."""

        async def work(db: asyncpg.Connection) -> Sequence[Sighting]:
            await db.execute(_FORGET_SIGHTINGS, [each.name for each in seen])
            if not seen:
                return []
            polls = {str(name): int(count) for name, count in await db.fetch(*_sighting(seen))}
            return [
                Sighting(each.name, each.size, each.modified_ns, polls[each.name]) for each in seen
            ]

        return await self._database.run(work)

    async def by_digest(self, channel: str, sha256: str) -> Sequence[FeedFile]:
        """Return the files with these bytes, the first received first."""
        where = "channel = $1 AND sha256 = $2 ORDER BY received_at, feed_id"
        return await self._select(where, (channel, sha256))

    async def find(self, feed_id: str) -> FeedFile | None:
        """Return a file."""
        found = await self._select("feed_id = $1", (feed_id,))
        return found[0] if found else None

    async def add(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a file that brings nothing (quarantined, duplicate). Adding it again is nothing."""

        async def work(db: asyncpg.Connection) -> None:
            if not await db.fetch(_INSERT, *feed_row(file)):
                return
            at = file.received_at
            await self._tell.feed(db, file.feed_id, EventType.FEED_RECEIVED, at)
            if file.state is FeedState.QUARANTINED:
                await self._tell.feed(db, file.feed_id, EventType.FEED_QUARANTINED, at)
            if incident is not None:
                await open_incidents(db, [incident])

        await self._database.run(work)

    async def admit(self, file: FeedFile, answers: Sequence[Answer]) -> None:
        """Keep a validated file and its answers. Raises BatchAlreadyAnswered."""

        async def work(db: asyncpg.Connection) -> None:
            again = (file.batch_id, file.tenant, file.records, file.feed_id, file.channel)
            kept = await db.fetch(_RELEASE, *again) or await db.fetch(_INSERT, *feed_row(file))
            if not kept:  # the unique index on the batch
                raise BatchAlreadyAnswered("another file has answered this batch")
            if answers:
                await db.execute(*adding_answers(file.feed_id, answers))
            await self._tell.feed(db, file.feed_id, EventType.FEED_RECEIVED, file.received_at)

        await self._database.run(work)

    async def pending(self, feed_id: str) -> Collection[tuple[int, str]]:
        """Return the (ordinal, token) of answers without a disposition."""
        rows = await self._database.rows(_PENDING, feed_id)
        return {(int(ordinal), str(token)) for ordinal, token in rows}

    async def record(
        self, feed_id: str, results: Sequence[tuple[Answer, Disposition, str]], *, at: int
    ) -> None:
        """Note dispositions, close the questions, open exceptions where an operator is needed."""
        await self._database.run(lambda db: record_answers(db, feed_id, results, at))

    async def applied(self, feed_id: str, at: int) -> None:
        """Note that every answer of a file has its disposition."""

        async def work(db: asyncpg.Connection) -> None:
            if await db.fetch(_APPLIED, at, feed_id):
                await self._tell.feed(db, feed_id, EventType.FEED_APPLIED, at)
            for (batch_id,) in await db.fetch(_ANSWERED, at, feed_id):
                await self._tell.inquiry(db, batch_id, EventType.INQUIRY_ANSWERED, at)

        await self._database.run(work)

    async def report(self, feed_id: str) -> FeedReport:
        """Return a file's counts per outcome and disposition. Raises FeedFileNotFound."""
        file = await self.find(feed_id)
        if file is None:
            raise FeedFileNotFound("there is no such feed file")
        rows = await self._database.rows(_COUNTS, feed_id)
        counts = {outcome_key(outcome, what): int(count) for outcome, what, count in rows}
        return FeedReport(file, counts)

    async def page(
        self,
        *,
        tenant: str,
        states: Collection[FeedState],
        before: tuple[int, str],
        limit: int,
    ) -> Sequence[FeedFile]:
        """Return files, newest first, before a (received_at, feed_id); empty tenant: of all."""
        arguments = Arguments()
        one = arguments.one
        where = ["TRUE"]
        if tenant:
            where.append(f"tenant = {one(tenant)}")
        if before[0]:
            where.append(f"(received_at, feed_id) < ({one(before[0])}, {one(before[1])})")
        if states:
            where.append(f"state = ANY({one([state.value for state in states], 'text[]')})")
        order = f" ORDER BY received_at DESC, feed_id DESC LIMIT {one(limit)}"
        return await self._select(" AND ".join(where) + order, arguments.values)

    async def _select(self, where: str, values: Sequence[Any]) -> Sequence[FeedFile]:
        sql = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE {where}"  # noqa: S608
        return [feed_file(row) for row in await self._database.rows(sql, *values)]


def _sighting(seen: Sequence[Sighting]) -> tuple[Any, ...]:
    """Return the statement that counts looks, and its values."""
    arguments = Arguments()
    source = arguments.rows([(each.name, each.size, each.modified_ns) for each in seen], _SIGHTING)
    sql = (
        "INSERT INTO sightings AS s (name, size, modified_ns, polls)"  # noqa: S608
        f" SELECT k.name, k.size, k.modified_ns, 1 FROM {source}"
        " ON CONFLICT (name) DO UPDATE SET polls = CASE WHEN s.size = excluded.size"
        " AND s.modified_ns = excluded.modified_ns THEN s.polls + 1 ELSE 1 END,"
        " size = excluded.size, modified_ns = excluded.modified_ns RETURNING name, polls"
    )
    return (sql, *arguments.values)
