"""What the sweeper asks for; every answer is bounded."""

from __future__ import annotations

from typing import Final

import apsw

from vault.adapters.sqlite.database import Database
from vault.domain.card import CardKey

# A card or version under legal hold is passed over here as well as refused by its decision:
# otherwise a page full of held ones would be found again and again.
_HELD: Final = "instr(c.holds, '\"LEGAL_HOLD\"') = 0"
PAST_GRACE: Final = (
    "SELECT c.tenant, c.token FROM cards AS c INDEXED BY cards_past_grace"
    f" WHERE c.status = 'DELETED' AND c.sealed IS NOT NULL AND c.purge_time <= ? AND {_HELD}"  # noqa: S608
    " ORDER BY c.purge_time LIMIT ?"
)
PAST_TTL: Final = (
    "SELECT c.tenant, c.token FROM cards AS c INDEXED BY cards_with_ttl"
    f" WHERE c.expire_time > 0 AND c.sealed IS NOT NULL AND c.expire_time <= ? AND {_HELD}"  # noqa: S608
    " ORDER BY c.expire_time LIMIT ?"
)
PAST_RETENTION: Final = (
    "SELECT v.tenant, v.token, v.credential_version"
    " FROM card_versions AS v INDEXED BY card_versions_by_purge_time"
    " CROSS JOIN cards AS c ON c.tenant = v.tenant AND c.token = v.token"
    f" WHERE v.purge_time <= ? AND {_HELD}"
    " ORDER BY v.purge_time LIMIT ?"
)
PURGE_REQUESTS: Final = (
    "DELETE FROM requests WHERE (tenant, principal, request_id) IN"
    " (SELECT tenant, principal, request_id FROM requests INDEXED BY requests_by_time"
    " WHERE create_time < ? ORDER BY create_time LIMIT ?)"
)


class SqliteHousekeeping:
    """`Housekeeping`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        """Return cards past grace or time to live whose contents are still there."""

        def job(db: apsw.Connection) -> list[CardKey]:
            found = db.execute(PAST_GRACE, (now, limit)).fetchall()
            found += db.execute(PAST_TTL, (now, limit)).fetchall()
            return [CardKey(*row) for row in dict.fromkeys(found)][:limit]

        return await self._database.query(job)

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        """Return superseded versions past their retention."""

        def job(db: apsw.Connection) -> list[tuple[CardKey, int]]:
            rows = db.execute(PAST_RETENTION, (now, limit)).fetchall()
            return [(CardKey(tenant, token), number) for tenant, token, number in rows]

        return await self._database.query(job)

    async def purge_requests(self, before: int, limit: int) -> int:
        """Delete request records older than `before`; return how many went."""

        def job(db: apsw.Connection) -> int:
            db.execute(PURGE_REQUESTS, (before, limit))
            return db.changes()

        return await self._database.write(job)
