"""Exceptions in PostgreSQL (`IncidentStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from chassis.postgres.sql import Arguments, listed
from updater.adapters.postgres.database import Database
from updater.adapters.stored import INCIDENT_COLUMNS, incident
from updater.domain.errors import IncidentNotFound
from updater.domain.feed import ExceptionKind, Incident

_NEW: Final = {
    "kind": "text",
    "subject": "text",
    "reason": "text",
    '"offset"': "bigint",
    "opened_at": "bigint",
}
_RESOLVE: Final = (
    "UPDATE exceptions SET resolved_at = $1, resolution = $2"
    " WHERE exception_id = $3 AND resolved_at IS NULL"
)
_FIND: Final = f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE exception_id = $1"  # noqa: S608


async def open_incidents(db: asyncpg.Connection, incidents: Sequence[Incident]) -> None:
    """Open exceptions inside a transaction; none of a kind and subject that are there."""
    if not incidents:
        return
    arguments = Arguments()
    rows = [
        (each.kind.value, each.subject, each.reason, each.offset, each.opened_at)
        for each in incidents
    ]
    source = arguments.rows(rows, _NEW)
    sql = (
        f"INSERT INTO exceptions ({listed(_NEW)}) SELECT {listed(_NEW, 'k')}"  # noqa: S608
        f" FROM {source} ON CONFLICT DO NOTHING"
    )
    await db.execute(sql, *arguments.values)


class PostgresIncidents:
    """The table `exceptions`."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def open(self, incident: Incident) -> None:
        """Open an exception; nothing if one of its kind and subject is there."""
        await self._database.run(lambda db: open_incidents(db, [incident]))

    async def page(
        self, *, unresolved_only: bool, kinds: Sequence[ExceptionKind], after: int, limit: int
    ) -> Sequence[Incident]:
        """Return exceptions by id, after an id."""
        arguments = Arguments()
        where = [f"exception_id > {arguments.one(after)}"]
        if unresolved_only:
            where.append("resolved_at IS NULL")
        if kinds:
            where.append(f"kind = ANY({arguments.one([kind.value for kind in kinds], 'text[]')})")
        sql = (
            f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE {' AND '.join(where)}"  # noqa: S608
            f" ORDER BY exception_id LIMIT {arguments.one(limit)}"
        )
        return [incident(row) for row in await self._database.rows(sql, *arguments.values)]

    async def resolve(self, exception_id: int, resolution: str, at: int) -> Incident:
        """Note what was done. Raises IncidentNotFound; resolving again changes nothing."""

        async def work(db: asyncpg.Connection) -> Incident:
            await db.execute(_RESOLVE, at, resolution, exception_id)
            found = await db.fetchrow(_FIND, exception_id)
            if found is None:
                raise IncidentNotFound("there is no exception with this id")
            return incident(found)

        return await self._database.run_beside(work)
