"""Request ids that were used, and for what (AIP-155)."""

from typing import Final

import apsw

from updater.domain.errors import RequestIdReused
from updater.usecases.ports import RequestMark

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
