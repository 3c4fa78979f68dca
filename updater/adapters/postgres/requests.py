"""Request ids that were used, and for what (AIP-155)."""

from __future__ import annotations

from typing import Final

import asyncpg

from chassis.store_errors import Conflict
from updater.adapters.postgres.database import Database
from updater.domain.errors import RequestIdReused
from updater.usecases.ports_store import RequestMark

KEPT_US: Final = 7 * 86_400_000_000
"""A week: api.md promises 24 hours or longer."""
KNOWN: Final = (
    "SELECT digest, subject FROM requests WHERE tenant = $1 AND principal = $2 AND request_id = $3"
)
# Waits for another transaction that is using this very id, and then finds it used.
_USE: Final = (
    "INSERT INTO requests (tenant, principal, request_id, digest, subject, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1"
)
_FORGET: Final = "DELETE FROM requests WHERE created_at < $1"


def key_of(mark: RequestMark) -> tuple[str, str, str]:
    """Return the values of KNOWN."""
    return mark.tenant, mark.principal, mark.request_id


def subject_of(mark: RequestMark, found: tuple[str, str]) -> str:
    """Return what this very request was about, from a row of KNOWN. Raises RequestIdReused."""
    digest, subject = found
    if digest != mark.digest:
        raise RequestIdReused("this request id was used for another request")
    return subject


async def remember(db: asyncpg.Connection, mark: RequestMark, subject: str, at: int) -> str | None:
    """Keep a request with its change, in the same transaction; return what it was about before.

    None for a new one. Raises RequestIdReused.
    """
    if await db.fetch(_USE, *key_of(mark), mark.digest, subject, at):
        await db.execute(_FORGET, at - KEPT_US)
        return None
    found = await db.fetchrow(KNOWN, *key_of(mark))
    if found is None:
        raise Conflict("a request was forgotten just now")
    return subject_of(mark, (found[0], found[1]))


class PostgresRequests:
    """The table `requests`, for calls that leave no other mark here."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def known(self, mark: RequestMark) -> bool:
        """Tell whether this very request was made before. Raises RequestIdReused."""
        rows = await self._database.rows(KNOWN, *key_of(mark))
        return bool(rows and subject_of(mark, (rows[0][0], rows[0][1])) is not None)

    async def keep(self, mark: RequestMark, subject: str, *, at: int) -> None:
        """Note a request about a subject; nothing if it was before. Raises RequestIdReused."""
        await self._database.run(lambda db: remember(db, mark, subject, at))
