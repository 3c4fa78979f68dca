"""Feed files in SQLite (`FeedStore`)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import apsw

from updater.adapters.sqlite.answers import record_answers, replay_answers
from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.files import (
    count_looks,
    end_file,
    file_of,
    find_file,
    miss_file,
    release_file,
    revert_file,
)
from updater.adapters.sqlite.incidents import open_incident
from updater.adapters.sqlite.outbox import Teller
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
from updater.domain.errors import BatchAlreadyAnswered
from updater.domain.events import EventType
from updater.domain.feed import Answer, FeedFile, FeedReport, FeedState, Incident, Sighting
from updater.usecases.ports_store import RequestMark

_INSERT: Final = f"INSERT OR IGNORE INTO feed_files ({FEED_COLUMNS}) VALUES ({', '.join('?' * 23)})"  # noqa: S608
_AFTER_ALL: Final = """
  UPDATE OR IGNORE feed_files SET name = ?, state = ?, reason = ?, "offset" = ?, batch_id = ?,
    tenant = ?, records = ?, part = ?, file_time = ?, decided_by = '', decided_at = NULL,
    decision = ''
  WHERE feed_id = ? AND state = 'QUARANTINED'
"""
_ANSWERED: Final = """
  SELECT DISTINCT a.reference, a.record_mac FROM feed_files f JOIN answers a
    ON a.feed_id = f.feed_id WHERE f.batch_id = ? AND a.reference <> ''
    AND f.state <> 'REVERTED' AND a.disposition <> 'NOT_SENT'
    AND a.reason NOT IN ('ANSWERED_TWICE', 'REPEATED_ROW')
"""
_LAST: Final = "SELECT ordinal FROM answers WHERE feed_id = ? ORDER BY ordinal DESC LIMIT 1"
_COUNTS: Final = (
    "SELECT outcome, disposition, shadow, count(*) FROM answers WHERE feed_id = ?"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_ANSWERS: Final = (
    f"SELECT {ANSWER_COLUMNS} FROM answers WHERE feed_id = ? AND (ordinal, token) > (?, ?)"  # noqa: S608
    " ORDER BY ordinal, token LIMIT ?"
)


class SqliteFeeds:
    """The tables `feed_files`, `answers` and `sightings`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def sight(self, channel: str, seen: Sequence[Sighting]) -> Sequence[Sighting]:
        """Note a look at a channel's inbox; return it with `polls` counted, forgetting the rest."""
        return await self._database.run(lambda db: count_looks(db, channel, seen))

    async def by_digest(self, channel: str, sha256: str) -> Sequence[FeedFile]:
        """Return the files with these bytes, the first received first."""
        where = "channel = ? AND sha256 = ? ORDER BY received_at, feed_id"
        return await self._select(where, (channel, sha256))

    async def of_batch(self, batch_id: str) -> Sequence[FeedFile]:
        """Return the ADMITTED files that answer an inquiry, the first received first."""
        where = f"batch_id = ? AND state IN ({ADMITTED_STATES}) ORDER BY received_at, feed_id"
        return await self._select(where, (batch_id,))

    async def find(self, feed_id: str) -> FeedFile | None:
        """Return a file."""
        found = await self._select("feed_id = ?", (feed_id,))
        return found[0] if found else None

    async def add(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a file that brings nothing (quarantined, duplicate). Adding it again is nothing."""

        def work(db: apsw.Connection) -> None:
            db.execute(_INSERT, feed_row(file))
            if not db.changes():
                return
            self._tell.feed(db, file.feed_id, EventType.FEED_RECEIVED, file.received_at)
            if file.state is FeedState.QUARANTINED:
                self._tell.feed(db, file.feed_id, EventType.FEED_QUARANTINED, file.received_at)
            if incident is not None:
                open_incident(db, incident)

        await self._database.run(work)

    async def admit(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a good file, VALIDATED or HELD. Raises BatchAlreadyAnswered."""

        def work(db: apsw.Connection) -> None:
            found = (
                file.name,
                file.state.value,
                file.reason,
                file.offset,
                file.batch_id,
                file.tenant,
            )
            db.execute(_AFTER_ALL, (*found, file.records, file.part, file.file_time, file.feed_id))
            if not db.changes():
                db.execute(_INSERT, feed_row(file))
            if not db.changes():  # the unique index on the part
                raise BatchAlreadyAnswered("another file has answered this batch")
            self._tell.feed(db, file.feed_id, EventType.FEED_RECEIVED, file.received_at)
            if file.state is FeedState.HELD:
                self._tell.feed(db, file.feed_id, EventType.FEED_HELD, file.received_at)
            if incident is not None:
                open_incident(db, incident)

        await self._database.run(work)

    async def unsettled(self, channel: str) -> Sequence[FeedFile]:
        """Return a channel's UNSETTLED files."""
        return await self._select("channel = ? AND state IN ('VALIDATED', 'HELD')", (channel,))

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
        return await self._database.run(lambda db: macs(db.execute(_ANSWERED, (batch_id,))))

    async def last_recorded(self, feed_id: str) -> int:
        """Return the last ordinal of a file that has its dispositions; 0: none."""

        def work(db: apsw.Connection) -> int:
            found = db.execute(_LAST, (feed_id,)).fetchone()
            return 0 if found is None else int(found[0])

        return await self._database.run(work)

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

        def work(db: apsw.Connection) -> FeedReport:
            return FeedReport(file_of(db, feed_id), counts(db.execute(_COUNTS, (feed_id,))))

        return await self._database.run(work)

    async def answers(
        self, feed_id: str, *, after: tuple[int, str], limit: int
    ) -> Sequence[Answer]:
        """Return a file's answers by (ordinal, token), after a place."""

        def work(db: apsw.Connection) -> Sequence[Answer]:
            return [answer(row) for row in db.execute(_ANSWERS, (feed_id, *after, limit))]

        return await self._database.run(work)

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
        where, values = ["TRUE"], list[Any]()
        for column, wanted in (("tenant", tenant), ("channel", channel)):
            if wanted:
                where.append(f"{column} = ?")
                values.append(wanted)
        if before[0]:
            where.append("(received_at, feed_id) < (?, ?)")
            values += before
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values += [state.value for state in states]
        order = " ORDER BY received_at DESC, feed_id DESC LIMIT ?"
        return await self._select(" AND ".join(where) + order, (*values, limit))

    async def _select(self, where: str, values: Sequence[Any]) -> Sequence[FeedFile]:
        sql = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE {where}"  # noqa: S608

        def work(db: apsw.Connection) -> Sequence[FeedFile]:
            return [feed_file(row) for row in db.execute(sql, values)]

        return await self._database.run(work)
