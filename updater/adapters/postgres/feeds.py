"""Feed files in PostgreSQL (`FeedStore`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments
from updater.adapters.postgres.answers import record_answers, replay_answers
from updater.adapters.postgres.database import Database
from updater.adapters.postgres.files import (
    count_looks,
    end_file,
    find_file,
    miss_file,
    release_file,
    revert_file,
)
from updater.adapters.postgres.incidents import open_incidents
from updater.adapters.postgres.outbox import Teller
from updater.adapters.stored_feeds import (
    ADMITTED_STATES,
    ANSWER_COLUMNS,
    FEED_COLUMNS,
    answer,
    counts,
    feed_file,
    feed_row,
    macs,
)
from updater.domain.errors import BatchAlreadyAnswered, FeedFileNotFound
from updater.domain.events import EventType
from updater.domain.feed import Answer, FeedFile, FeedReport, FeedState, Incident, Sighting
from updater.usecases.ports_store import RequestMark

_AFTER_ALL: Final = f"""
  UPDATE feed_files SET name = $11, state = $1, reason = $2, "offset" = $3, batch_id = $4,
    tenant = $5, records = $6, part = $7, file_time = $8, decided_by = '', decided_at = NULL,
    decision = ''
  WHERE feed_id = $9 AND state = 'QUARANTINED' AND ($7 = '' OR NOT EXISTS (
    SELECT 1 FROM feed_files AS o WHERE o.channel = $10 AND o.batch_id = $4 AND o.part = $7
      AND o.part <> '' AND o.state IN ({ADMITTED_STATES})))
  RETURNING 1
"""  # noqa: S608 - constants only
_INSERT: Final = (
    f"INSERT INTO feed_files ({FEED_COLUMNS})"  # noqa: S608 - constants only
    f" VALUES ({', '.join(f'${place}' for place in range(1, 24))})"
    " ON CONFLICT DO NOTHING RETURNING 1"
)
_ANSWERED: Final = (
    "SELECT DISTINCT a.reference, a.record_mac FROM feed_files AS f JOIN answers AS a"
    " ON a.feed_id = f.feed_id WHERE f.batch_id = $1 AND a.reference <> ''"
    " AND f.state <> 'REVERTED' AND a.disposition <> 'NOT_SENT'"
    " AND a.reason NOT IN ('ANSWERED_TWICE', 'REPEATED_ROW')"
)
_LAST: Final = "SELECT ordinal FROM answers WHERE feed_id = $1 ORDER BY ordinal DESC LIMIT 1"
UNSETTLED_OF: Final = "channel = $1 AND state IN ('VALIDATED', 'HELD')"
_COUNTS: Final = (
    "SELECT outcome, disposition, shadow, count(*) FROM answers WHERE feed_id = $1"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_ANSWERS: Final = (
    f"SELECT {ANSWER_COLUMNS} FROM answers WHERE feed_id = $1 AND (ordinal, token) > ($2, $3)"  # noqa: S608
    " ORDER BY ordinal, token LIMIT $4"
)


class PostgresFeeds:
    """The tables `feed_files`, `answers` and `sightings`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def sight(self, channel: str, seen: Sequence[Sighting]) -> Sequence[Sighting]:
        """Note a look at a channel's inbox; return it with `polls` counted, forgetting the rest."""
        return await self._database.run(lambda db: count_looks(db, channel, seen))

    async def by_digest(self, channel: str, sha256: str) -> Sequence[FeedFile]:
        """Return the files with these bytes, the first received first."""
        where = "channel = $1 AND sha256 = $2 ORDER BY received_at, feed_id"
        return await self._select(where, (channel, sha256))

    async def of_batch(self, batch_id: str) -> Sequence[FeedFile]:
        """Return the ADMITTED files that answer an inquiry, the first received first."""
        where = f"batch_id = $1 AND state IN ({ADMITTED_STATES}) ORDER BY received_at, feed_id"
        return await self._select(where, (batch_id,))

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

    async def admit(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a good file, VALIDATED or HELD. Raises BatchAlreadyAnswered."""
        found = (file.state.value, file.reason, file.offset, file.batch_id, file.tenant)
        again = (
            *found,
            file.records,
            file.part,
            file.file_time,
            file.feed_id,
            file.channel,
            file.name,
        )

        async def work(db: asyncpg.Connection) -> None:
            kept = await db.fetch(_AFTER_ALL, *again) or await db.fetch(_INSERT, *feed_row(file))
            if not kept:  # the unique index on the part
                raise BatchAlreadyAnswered("another file has answered this batch")
            await self._tell.feed(db, file.feed_id, EventType.FEED_RECEIVED, file.received_at)
            if file.state is FeedState.HELD:
                await self._tell.feed(db, file.feed_id, EventType.FEED_HELD, file.received_at)
            if incident is not None:
                await open_incidents(db, [incident])

        await self._database.run(work)

    async def unsettled(self, channel: str) -> Sequence[FeedFile]:
        """Return a channel's UNSETTLED files."""
        return await self._select(UNSETTLED_OF, (channel,))

    async def missing(self, feed_id: str, incident: Incident) -> None:
        """Note that an UNSETTLED file is missing, and open the exception that says so."""
        await self._database.run(lambda db: miss_file(db, feed_id, incident))

    async def found(self, feed_id: str, at: int) -> FeedFile:
        """Note that a missing file is there again, and resolve its exception."""
        return await self._database.run(lambda db: find_file(db, feed_id, at))

    async def release(
        self, feed_id: str, state: FeedState, resolution: str, *, at: int, mark: RequestMark
    ) -> FeedFile:
        """Release a HELD file (VALIDATED), or refuse it (QUARANTINED); settles its exception."""
        decided = (state, resolution)
        return await self._database.run(
            lambda db: release_file(db, self._tell, feed_id, decided, at, mark)
        )

    async def answered(self, batch_id: str) -> Mapping[str, Collection[str]]:
        """Return the record MACs of a batch's answers so far, by reference."""
        return macs(await self._database.rows(_ANSWERED, batch_id))

    async def last_recorded(self, feed_id: str) -> int:
        """Return the last ordinal of a file that has its dispositions; 0: none."""
        rows = await self._database.rows(_LAST, feed_id)
        return int(rows[0][0]) if rows else 0

    async def record(self, feed_id: str, answers: Sequence[Answer], *, at: int) -> None:
        """Keep answers with their dispositions, and what follows. Raises FeedFileNotFound."""
        await self._database.run(lambda db: record_answers(db, feed_id, answers, at))

    async def replayed(self, feed_id: str, answers: Sequence[Answer], *, at: int) -> None:
        """Give answers that were in the shadow their real dispositions; `record` else."""
        await self._database.run(lambda db: replay_answers(db, feed_id, answers, at))

    async def applied(self, feed_id: str, at: int) -> None:
        """Note that every answer of a file has its disposition."""
        await self._database.run(lambda db: end_file(db, self._tell, feed_id, at))

    async def reverted(self, feed_id: str, reason: str, *, at: int, mark: RequestMark) -> FeedFile:
        """Note that an APPLIED file was taken back, by whom and why. Raises as `release` does."""
        return await self._database.run(
            lambda db: revert_file(db, self._tell, feed_id, reason, at, mark)
        )

    async def report(self, feed_id: str) -> FeedReport:
        """Return a file's counts per outcome and disposition. Raises FeedFileNotFound."""
        file = await self.find(feed_id)
        if file is None:
            raise FeedFileNotFound("there is no such feed file")
        return FeedReport(file, counts(await self._database.rows(_COUNTS, feed_id)))

    async def answers(
        self, feed_id: str, *, after: tuple[int, str], limit: int
    ) -> Sequence[Answer]:
        """Return a file's answers by (ordinal, token), after a place."""
        return [answer(row) for row in await self._database.rows(_ANSWERS, feed_id, *after, limit)]

    async def page(
        self,
        *,
        tenant: str,
        channel: str,
        states: Collection[FeedState],
        before: tuple[int, str],
        limit: int,
    ) -> Sequence[FeedFile]:
        """Return files, newest first, before a (received_at, feed_id); an empty filter is any."""
        arguments = Arguments()
        one = arguments.one
        where = ["TRUE"]
        for column, wanted in (("tenant", tenant), ("channel", channel)):
            if wanted:
                where.append(f"{column} = {one(wanted)}")
        if before[0]:
            where.append(f"(received_at, feed_id) < ({one(before[0])}, {one(before[1])})")
        if states:
            where.append(f"state = ANY({one([state.value for state in states], 'text[]')})")
        order = f" ORDER BY received_at DESC, feed_id DESC LIMIT {one(limit)}"
        return await self._select(" AND ".join(where) + order, arguments.values)

    async def _select(self, where: str, values: Sequence[Any]) -> Sequence[FeedFile]:
        sql = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE {where}"  # noqa: S608
        return [feed_file(row) for row in await self._database.rows(sql, *values)]
