"""Feed files in SQLite (`FeedStore`)."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import apsw

from cards.outcomes import CONFIRMS_NOTHING_NEW
from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.incidents import open_incident
from updater.adapters.sqlite.outbox import Teller
from updater.adapters.stored import FEED_COLUMNS, answer_row, feed_file, feed_row, outcome_key
from updater.domain.dispositions import FOR_AN_OPERATOR, NEVER_SENT, Disposition
from updater.domain.errors import BatchAlreadyAnswered, FeedFileNotFound
from updater.domain.events import EventType
from updater.domain.feed import (
    Answer,
    ExceptionKind,
    FeedFile,
    FeedReport,
    FeedState,
    Incident,
    Sighting,
)

_INSERT: Final = f"INSERT OR IGNORE INTO feed_files ({FEED_COLUMNS}) VALUES ({', '.join('?' * 14)})"  # noqa: S608
_RELEASE: Final = """
  UPDATE OR IGNORE feed_files SET state = 'VALIDATED', reason = '', "offset" = 0,
    batch_id = ?, tenant = ?, records = ?
  WHERE feed_id = ? AND state = 'QUARANTINED'
"""
_SIGHT: Final = """
  INSERT INTO sightings VALUES (?1, ?2, ?3, 1)
  ON CONFLICT DO UPDATE SET
    polls = CASE WHEN size = ?2 AND modified_ns = ?3 THEN polls + 1 ELSE 1 END,
    size = ?2, modified_ns = ?3
  RETURNING polls
"""
# A card's enrolment hears of the answer: `checked` is what counts as checked, `quiet` ends a chain.
_HEARD: Final = """
  UPDATE enrolments SET last_outcome = ?1, last_disposition = ?2, updated_at = ?3,
    checked_at = CASE WHEN ?4 THEN ?3 ELSE checked_at END,
    chain = CASE WHEN ?5 THEN 0 ELSE chain END,
    open_batch = CASE WHEN open_batch = ?8 THEN '' ELSE open_batch END
  WHERE tenant = ?6 AND token = ?7
    AND merchant_account = (SELECT merchant_account FROM inquiries WHERE batch_id = ?8)
"""


class SqliteFeeds:
    """The tables `feed_files`, `answers` and `sightings`."""

    def __init__(self, database: Database, tell: Teller) -> None:
        self._database: Final = database
        self._tell: Final = tell

    async def sight(self, seen: Sequence[Sighting]) -> Sequence[Sighting]:
        """Note a look at the inbox; return the same with `polls` counted, forgetting the rest."""

        def work(db: apsw.Connection) -> Sequence[Sighting]:
            names = {sighting.name for sighting in seen}
            for (name,) in db.execute("SELECT name FROM sightings").fetchall():
                if name not in names:
                    db.execute("DELETE FROM sightings WHERE name = ?", (name,))
            counted = []
            for each in seen:
                row = db.execute(_SIGHT, (each.name, each.size, each.modified_ns)).fetchone()
                polls = 1 if row is None else int(row[0])
                counted.append(Sighting(each.name, each.size, each.modified_ns, polls))
            return counted

        return await self._database.run(work)

    async def by_digest(self, channel: str, sha256: str) -> Sequence[FeedFile]:
        """Return the files with these bytes, the first received first."""
        where = "channel = ? AND sha256 = ? ORDER BY received_at, feed_id"
        return await self._select(where, (channel, sha256))

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

    async def admit(self, file: FeedFile, answers: Sequence[Answer]) -> None:
        """Keep a validated file and its answers. Raises BatchAlreadyAnswered."""

        def work(db: apsw.Connection) -> None:
            again = (file.batch_id, file.tenant, file.records, file.feed_id)
            db.execute(_RELEASE, again)
            if not db.changes():
                db.execute(_INSERT, feed_row(file))
            if not db.changes():  # the unique index on the batch
                raise BatchAlreadyAnswered("another file has answered this batch")
            db.executemany(
                f"INSERT INTO answers VALUES ({', '.join('?' * 11)})",  # noqa: S608
                (answer_row(file.feed_id, answer) for answer in answers),
            )
            self._tell.feed(db, file.feed_id, EventType.FEED_RECEIVED, file.received_at)

        await self._database.run(work)

    async def pending(self, feed_id: str) -> Collection[tuple[int, str]]:
        """Return the (ordinal, token) of answers without a disposition."""

        def work(db: apsw.Connection) -> Collection[tuple[int, str]]:
            sql = "SELECT ordinal, token FROM answers WHERE feed_id = ? AND disposition IS NULL"
            return {(int(ordinal), str(token)) for ordinal, token in db.execute(sql, (feed_id,))}

        return await self._database.run(work)

    async def record(
        self, feed_id: str, results: Sequence[tuple[Answer, Disposition, str]], *, at: int
    ) -> None:
        """Note dispositions, close the questions, open exceptions where an operator is needed."""

        def work(db: apsw.Connection) -> None:
            sql = "SELECT tenant, batch_id FROM feed_files WHERE feed_id = ?"
            found = db.execute(sql, (feed_id,)).fetchone()
            if found is None:
                raise FeedFileNotFound("there is no such feed file")
            for answer, disposition, reason in results:
                _note(db, feed_id, answer, disposition, reason)
                _hear(db, (str(found[0]), str(found[1])), answer, disposition, at)
                if disposition in FOR_AN_OPERATOR or answer.outcome in NEVER_SENT:
                    subject = f"{feed_id}/{answer.ordinal}/{answer.token}"
                    kind = ExceptionKind.ANSWER_NOT_APPLIED
                    what = f"{disposition.value}:{reason}" if reason else disposition.value
                    open_incident(db, Incident(kind, subject, what, opened_at=at))

        await self._database.run(work)

    async def applied(self, feed_id: str, at: int) -> None:
        """Note that every answer of a file has its disposition."""

        def work(db: apsw.Connection) -> None:
            db.execute(
                "UPDATE feed_files SET state = 'APPLIED', applied_at = ?"
                " WHERE feed_id = ? AND state = 'VALIDATED'",
                (at, feed_id),
            )
            if db.changes():
                self._tell.feed(db, feed_id, EventType.FEED_APPLIED, at)
            # Rows may be missing, and come no more: they wait for the time-out.
            ended = db.execute(
                "UPDATE inquiries SET state = 'ANSWERED', ended_at = ?1 WHERE batch_id ="
                " (SELECT batch_id FROM feed_files WHERE feed_id = ?2) AND state <> 'ANSWERED'"
                " AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.batch_id = inquiries.batch_id"
                " AND q.state = 'OPEN') RETURNING batch_id",
                (at, feed_id),
            ).fetchall()
            for (batch_id,) in ended:
                self._tell.inquiry(db, str(batch_id), EventType.INQUIRY_ANSWERED, at)

        await self._database.run(work)

    async def report(self, feed_id: str) -> FeedReport:
        """Return a file's counts per outcome and disposition. Raises FeedFileNotFound."""
        file = await self.find(feed_id)
        if file is None:
            raise FeedFileNotFound("there is no such feed file")

        def work(db: apsw.Connection) -> FeedReport:
            sql = (
                "SELECT outcome, disposition, count(*) FROM answers WHERE feed_id = ?"
                " GROUP BY 1, 2 ORDER BY 1, 2"
            )
            rows = db.execute(sql, (feed_id,))
            counts = {outcome_key(outcome, what): int(count) for outcome, what, count in rows}
            return FeedReport(file, counts)

        return await self._database.run(work)

    async def page(
        self,
        *,
        tenant: str,
        states: Collection[FeedState],
        before: tuple[int, str],
        limit: int,
    ) -> Sequence[FeedFile]:
        """Return files, newest first, before a (received_at, feed_id); empty tenant: of all."""
        where, values = ["TRUE"], list[Any]()
        if tenant:
            where.append("tenant = ?")
            values.append(tenant)
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


def _note(
    db: apsw.Connection, feed_id: str, answer: Answer, disposition: Disposition, reason: str
) -> None:
    db.execute(
        "UPDATE answers SET disposition = ?, reason = ? WHERE feed_id = ? AND ordinal = ?"
        " AND token = ? AND disposition IS NULL",
        (disposition.value, reason, feed_id, answer.ordinal, answer.token),
    )
    db.execute("UPDATE questions SET state = 'ANSWERED' WHERE reference = ?", (answer.reference,))


def _hear(
    db: apsw.Connection,
    of: tuple[str, str],
    answer: Answer,
    disposition: Disposition,
    at: int,
) -> None:
    checked = answer.outcome not in NEVER_SENT
    quiet = answer.outcome in CONFIRMS_NOTHING_NEW
    tenant, batch_id = of
    db.execute(
        _HEARD,
        (
            answer.outcome.value,
            disposition.value,
            at,
            int(checked),
            int(quiet),
            tenant,
            answer.token,
            batch_id,
        ),
    )
