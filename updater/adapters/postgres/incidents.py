"""Exceptions in PostgreSQL (`IncidentStore`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import asyncpg

from chassis.postgres.sql import Arguments, inserting
from updater.adapters.consequences import ANSWERED_SINCE, settles_alike
from updater.adapters.postgres.database import Database
from updater.adapters.postgres.requests import remember
from updater.adapters.stored_feeds import INCIDENT_COLUMNS, NEW_INCIDENT, incident, incident_row
from updater.domain.errors import IncidentNotFound, IncidentSettled
from updater.domain.feed import ExceptionKind, Incident, IncidentState
from updater.usecases.ports_store import RequestMark

_FIND: Final = f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE exception_id = $1"  # noqa: S608
_LOCK: Final = f"{_FIND} FOR UPDATE"
_SETTLE: Final = (
    "UPDATE exceptions SET dismissed = $1, resolution = $2, resolved_at = $3, resolved_by = $4"
    " WHERE exception_id = $5"
)
_SETTLE_STANDING: Final = (
    "UPDATE exceptions SET resolution = $1, resolved_at = $2, resolved_by = $3"
    " WHERE kind IN ('FILE_HELD', 'APPLY_REFUSED') AND subject = $4 AND resolved_at IS NULL"
)


# Its subjects are FILE/TIME; the sign after the slash is the zero.
_SETTLE_MISSING: Final = (
    "UPDATE exceptions SET resolution = $1, resolved_at = $2, resolved_by = $3"
    " WHERE kind = 'FILE_MISSING' AND subject > $4 || '/' AND subject < $4 || '0'"
    " AND resolved_at IS NULL"
)
_ANSWERED_SINCE: Final = (
    "UPDATE exceptions SET reason = $1 WHERE kind = 'ANSWER_NOT_APPLIED' AND resolved_at IS NULL"
    " AND subject IN (SELECT concat(a.feed_id, '/', a.ordinal, '/', a.token) FROM answers AS a"
    " WHERE a.reference = ANY($2::text[]) AND a.reason = 'ANSWERED_TWICE' AND a.feed_id <> $3)"
)


async def open_incidents(db: asyncpg.Connection, incidents: Sequence[Incident]) -> None:
    """Open exceptions inside a transaction; none of a kind and subject that are open."""
    if incidents:
        arguments = Arguments()
        rows = [incident_row(each) for each in incidents]
        sql = inserting(arguments, "exceptions", NEW_INCIDENT, rows)
        await db.execute(f"{sql} ON CONFLICT DO NOTHING", *arguments.values)


async def settle_standing(
    db: asyncpg.Connection, feed_id: str, resolution: str, at: int, by: str
) -> None:
    """Settle what says that a file is held, or can't be applied, inside a transaction."""
    await db.execute(_SETTLE_STANDING, resolution, at, by, feed_id)


async def settle_missing(
    db: asyncpg.Connection, feed_id: str, resolution: str, at: int, by: str
) -> None:
    """Settle the exception of a missing file inside a transaction, if it still waits."""
    await db.execute(_SETTLE_MISSING, resolution, at, by, feed_id)


async def note_answered(db: asyncpg.Connection, feed_id: str, references: Sequence[str]) -> None:
    """Say of other files' contradictions inside a transaction that a file has settled them."""
    if references:
        await db.execute(_ANSWERED_SINCE, ANSWERED_SINCE, references, feed_id)


class PostgresIncidents:
    """The table `exceptions`."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def open(self, incident: Incident) -> None:
        """Open an exception; nothing if one of its kind and subject is open."""
        await self._database.run(lambda db: open_incidents(db, [incident]))

    async def get(self, exception_id: int) -> Incident | None:
        """Return an exception."""
        rows = await self._database.rows(_FIND, exception_id)
        return incident(rows[0]) if rows else None

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
        arguments = Arguments()
        where = [f"exception_id > {arguments.one(after)}"]
        for column, wanted in (
            ("tenant", [tenant] if tenant else []),
            ("channel", [channel] if channel else []),
            ("state", [state.value for state in states]),
            ("kind", [kind.value for kind in kinds]),
        ):
            if len(wanted) == 1:  # which comes in the order of its index
                where.append(f"{column} = {arguments.one(wanted[0])}")
            elif wanted:
                where.append(f"{column} = ANY({arguments.one(wanted, 'text[]')})")
        sql = (
            f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE {' AND '.join(where)}"  # noqa: S608
            f" ORDER BY exception_id LIMIT {arguments.one(limit)}"
        )
        return [incident(row) for row in await self._database.rows(sql, *arguments.values)]

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

        async def work(db: asyncpg.Connection) -> Incident:
            again = await remember(db, mark, str(exception_id), at) is not None
            found = await _found(db, exception_id)
            if again or settles_alike(found, state, resolution):
                return found
            if found.state is not IncidentState.OPEN:
                raise IncidentSettled("the exception was settled before")
            dismissed = state is IncidentState.DISMISSED
            await db.execute(_SETTLE, dismissed, resolution, at, mark.principal, exception_id)
            return await _found(db, exception_id)

        return await self._database.run(work)


async def _found(db: asyncpg.Connection, exception_id: int) -> Incident:
    found = await db.fetchrow(_LOCK, exception_id)
    if found is None:
        raise IncidentNotFound("there is no exception with this id")
    return incident(found)
