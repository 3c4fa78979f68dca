"""Exceptions in SQLite (`IncidentStore`)."""

from collections.abc import Sequence
from typing import Final

import apsw

from updater.adapters.sqlite.database import Database
from updater.adapters.stored import INCIDENT_COLUMNS, incident
from updater.domain.errors import IncidentNotFound
from updater.domain.feed import ExceptionKind, Incident


def open_incident(db: apsw.Connection, incident: Incident) -> None:
    """Open an exception inside a transaction; nothing if one of its kind and subject is there."""
    db.execute(
        'INSERT OR IGNORE INTO exceptions (kind, subject, reason, "offset", opened_at)'
        " VALUES (?, ?, ?, ?, ?)",
        (
            incident.kind.value,
            incident.subject,
            incident.reason,
            incident.offset,
            incident.opened_at,
        ),
    )


class SqliteIncidents:
    """The table `exceptions`."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def open(self, incident: Incident) -> None:
        """Open an exception; nothing if one of its kind and subject is there."""
        await self._database.run(lambda db: open_incident(db, incident))

    async def page(
        self, *, unresolved_only: bool, kinds: Sequence[ExceptionKind], after: int, limit: int
    ) -> Sequence[Incident]:
        """Return exceptions by id, after an id."""
        where, values = ["exception_id > ?"], [after]
        if unresolved_only:
            where.append("resolved_at IS NULL")
        if kinds:
            where.append(f"kind IN ({', '.join(repr(kind.value) for kind in kinds)})")
        sql = (
            f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY exception_id LIMIT ?"
        )

        def work(db: apsw.Connection) -> Sequence[Incident]:
            return [incident(row) for row in db.execute(sql, (*values, limit))]

        return await self._database.run(work)

    async def resolve(self, exception_id: int, resolution: str, at: int) -> Incident:
        """Note what was done. Raises IncidentNotFound; resolving again changes nothing."""

        def work(db: apsw.Connection) -> Incident:
            db.execute(
                "UPDATE exceptions SET resolved_at = ?, resolution = ?"
                " WHERE exception_id = ? AND resolved_at IS NULL",
                (at, resolution, exception_id),
            )
            sql = f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE exception_id = ?"  # noqa: S608
            found = db.execute(sql, (exception_id,)).fetchone()
            if found is None:
                raise IncidentNotFound("there is no exception with this id")
            return incident(found)

        return await self._database.run(work)
