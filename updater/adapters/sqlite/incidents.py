"""Exceptions in SQLite (`IncidentStore`)."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import apsw

from updater.adapters.consequences import ANSWERED_SINCE, settles_alike
from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.requests import remember
from updater.adapters.stored_feeds import INCIDENT_COLUMNS, NEW_INCIDENT, incident, incident_row
from updater.domain.errors import IncidentNotFound, IncidentSettled
from updater.domain.feed import ExceptionKind, Incident, IncidentState
from updater.usecases.ports_store import RequestMark

_OPEN: Final = (
    f"INSERT OR IGNORE INTO exceptions ({', '.join(NEW_INCIDENT)})"  # noqa: S608 - constants only
    f" VALUES ({', '.join('?' * len(NEW_INCIDENT))})"
)
_FIND: Final = f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE exception_id = ?"  # noqa: S608
_SETTLE: Final = """
  UPDATE exceptions SET dismissed = ?, resolution = ?, resolved_at = ?, resolved_by = ?
  WHERE exception_id = ?
"""
_SETTLE_STANDING: Final = """
  UPDATE exceptions SET resolution = ?, resolved_at = ?, resolved_by = ?
  WHERE kind IN ('FILE_HELD', 'APPLY_REFUSED') AND subject = ? AND resolved_at IS NULL
"""


_SETTLE_MISSING: Final = """
  UPDATE exceptions SET resolution = ?1, resolved_at = ?2, resolved_by = ?3
  WHERE kind = 'FILE_MISSING' AND subject > ?4 || '/' AND subject < ?4 || '0'
    AND resolved_at IS NULL
"""
"""Its subjects are FILE/TIME; the sign after the slash is the zero."""
_ANSWERED_SINCE: Final = """
  UPDATE exceptions SET reason = ?1
  WHERE kind = 'ANSWER_NOT_APPLIED' AND resolved_at IS NULL AND subject IN (
    SELECT a.feed_id || '/' || a.ordinal || '/' || a.token FROM answers a
    WHERE a.reference = ?2 AND a.reason = 'ANSWERED_TWICE' AND a.feed_id <> ?3)
"""


def open_incident(db: apsw.Connection, incident: Incident) -> None:
    """Open an exception inside a transaction; nothing if one of its kind and subject is open."""
    db.execute(_OPEN, incident_row(incident))


def settle_standing(db: apsw.Connection, feed_id: str, resolution: str, at: int, by: str) -> None:
    """Settle what says that a file is held, or can't be applied, inside a transaction."""
    db.execute(_SETTLE_STANDING, (resolution, at, by, feed_id))


def settle_missing(db: apsw.Connection, feed_id: str, resolution: str, at: int, by: str) -> None:
    """Settle the exception of a missing file inside a transaction, if it still waits."""
    db.execute(_SETTLE_MISSING, (resolution, at, by, feed_id))


def note_answered(db: apsw.Connection, feed_id: str, references: Iterable[str]) -> None:
    """Say of other files' contradictions inside a transaction that a file has settled them."""
    db.executemany(_ANSWERED_SINCE, ((ANSWERED_SINCE, each, feed_id) for each in references))


class SqliteIncidents:
    """The table `exceptions`."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def open(self, incident: Incident) -> None:
        """Open an exception; nothing if one of its kind and subject is open."""
        await self._database.run(lambda db: open_incident(db, incident))

    async def get(self, exception_id: int) -> Incident | None:
        """Return an exception."""

        def work(db: apsw.Connection) -> Incident | None:
            found = db.execute(_FIND, (exception_id,)).fetchone()
            return None if found is None else incident(found)

        return await self._database.run(work)

    async def page(
        self,
        *,
        tenant: str,
        channel: str,
        states: Collection[IncidentState],
        kinds: Collection[ExceptionKind],
        after: int,
        limit: int,
    ) -> Sequence[Incident]:
        """Return exceptions by id, after an id; an empty filter is any."""
        where, values = ["exception_id > ?"], list[Any]([after])
        for column, wanted in (
            ("tenant", [tenant] if tenant else []),
            ("channel", [channel] if channel else []),
            ("state", [state.value for state in states]),
            ("kind", [kind.value for kind in kinds]),
        ):
            if wanted:
                where.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values += wanted
        sql = (
            f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY exception_id LIMIT ?"
        )

        def work(db: apsw.Connection) -> Sequence[Incident]:
            return [incident(row) for row in db.execute(sql, (*values, limit))]

        return await self._database.run(work)

    async def settle(
        self,
        exception_id: int,
        state: IncidentState,
        resolution: str,
        *,
        at: int,
        mark: RequestMark,
    ) -> Incident:
        """Note what was done. Raises IncidentNotFound, IncidentSettled, RequestIdReused."""

        def work(db: apsw.Connection) -> Incident:
            again = remember(db, mark, str(exception_id), at) is not None
            found = _found(db, exception_id)
            if again or settles_alike(found, state, resolution):
                return found
            if found.state is not IncidentState.OPEN:
                raise IncidentSettled("the exception was settled before")
            dismissed = int(state is IncidentState.DISMISSED)
            db.execute(_SETTLE, (dismissed, resolution, at, mark.principal, exception_id))
            return _found(db, exception_id)

        return await self._database.run(work)


def _found(db: apsw.Connection, exception_id: int) -> Incident:
    found = db.execute(_FIND, (exception_id,)).fetchone()
    if found is None:
        raise IncidentNotFound("there is no exception with this id")
    return incident(found)
