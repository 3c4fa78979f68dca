"""Request ids that were used, and for what (AIP-155)."""

from typing import Final

import apsw

from updater.adapters.sqlite.database import Database
from updater.domain.errors import RequestIdReused
from updater.usecases.ports_store import RequestMark

KEPT_US: Final = 7 * 86_400_000_000
"""A week: api.md promises 24 hours or longer."""


def subject_of(db: apsw.Connection, mark: RequestMark) -> str | None:
    """Return what this very request was about, or None for a new one. Raises RequestIdReused."""
    sql = "SELECT digest, subject FROM requests WHERE tenant=? AND principal=? AND request_id=?"
    found = db.execute(sql, (mark.tenant, mark.principal, mark.request_id)).fetchone()
    if found is None:
        return None
    if found[0] != mark.digest:
        raise RequestIdReused("this request id was used for another request")
    return str(found[1])


def remember(db: apsw.Connection, mark: RequestMark, subject: str, at: int) -> str | None:
    """Keep a request with its change, in the same transaction; return what it was about before."""
    known = subject_of(db, mark)
    if known is None:
        db.execute("DELETE FROM requests WHERE created_at < ?", (at - KEPT_US,))
        row = (mark.tenant, mark.principal, mark.request_id, mark.digest, subject, at)
        db.execute("INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?)", row)
    return known


class SqliteRequests:
    """The table `requests`, for calls that leave no other mark here."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def known(self, mark: RequestMark) -> bool:
        """Tell whether this very request was made before. Raises RequestIdReused."""
        return await self._database.run(lambda db: subject_of(db, mark)) is not None

    async def keep(self, mark: RequestMark, subject: str, *, at: int) -> None:
        """Note a request about a subject; nothing if it was before. Raises RequestIdReused."""
        await self._database.run(lambda db: remember(db, mark, subject, at))
