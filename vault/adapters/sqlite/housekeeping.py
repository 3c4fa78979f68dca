"""What the sweeper asks for; every answer is bounded."""

from __future__ import annotations

from typing import Final

import apsw

from vault.adapters.sqlite.database import Database
from vault.adapters.sqlite.sql import filled, rows_of
from vault.domain.card import CardKey
from vault.usecases.ledger.state import NumberKey

# A card or version under legal hold is passed over here as well as refused by its decision:
# otherwise a page full of held ones would be found again and again.
_FREE: Final = "instr(c.holds, '\"LEGAL_HOLD\"') = 0"
PAST_GRACE: Final = filled(
    "SELECT c.tenant, c.token FROM cards AS c INDEXED BY cards_past_grace"
    " WHERE c.status = 'DELETED' AND c.sealed IS NOT NULL AND c.purge_time <= ? AND $FREE"
    " ORDER BY c.purge_time LIMIT ?",
    FREE=_FREE,
)
PAST_TTL: Final = filled(
    "SELECT c.tenant, c.token FROM cards AS c INDEXED BY cards_with_ttl"
    " WHERE c.expire_time > 0 AND c.sealed IS NOT NULL AND c.expire_time <= ? AND $FREE"
    " ORDER BY c.expire_time LIMIT ?",
    FREE=_FREE,
)
PAST_RETENTION: Final = filled(
    "SELECT v.tenant, v.token, v.credential_version"
    " FROM card_versions AS v INDEXED BY card_versions_by_purge_time"
    " CROSS JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = v.tenant AND c.token = v.token"
    " WHERE v.purge_time <= ? AND $FREE"
    " ORDER BY v.purge_time LIMIT ?",
    FREE=_FREE,
)
PURGE_REQUESTS: Final = (
    "DELETE FROM requests WHERE (tenant, principal, request_id) IN"
    " (SELECT tenant, principal, request_id FROM requests INDEXED BY requests_by_time"
    " WHERE create_time < ? ORDER BY create_time LIMIT ?)"
)

PURGE_ANSWERS: Final = (
    "DELETE FROM applied_updates WHERE (tenant, update_id, token) IN"
    " (SELECT tenant, update_id, token FROM applied_updates INDEXED BY applied_updates_by_time"
    " WHERE time < ? ORDER BY time LIMIT ?)"
)
PARKED_DUE: Final = (
    "SELECT p.tenant, p.mac FROM parked_updates AS p INDEXED BY parked_updates_due"
    " WHERE p.look_time > 0 AND p.look_time <= ? ORDER BY p.look_time LIMIT ?"
)
PURGE_PARKED: Final = (
    "DELETE FROM parked_updates INDEXED BY parked_updates_by_id WHERE (tenant, update_id) IN"
    " (SELECT tenant, update_id FROM parked_updates INDEXED BY parked_updates_by_purge_time"
    " WHERE purge_time <= ? ORDER BY purge_time LIMIT ?)"
)
PURGE_IMPRINTS: Final = (
    "DELETE FROM imprints INDEXED BY imprints_by_card"
    " WHERE (tenant, token, revision, update_id) IN"
    " (SELECT tenant, token, revision, update_id FROM imprints INDEXED BY imprints_by_time"
    " WHERE time < ? ORDER BY time LIMIT ?)"
)


class SqliteHousekeeping:
    """`Housekeeping`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        """Return cards past grace or time to live whose contents are still there."""

        def job(db: apsw.Connection) -> list[CardKey]:
            found = rows_of(db, PAST_GRACE, (now, limit)) + rows_of(db, PAST_TTL, (now, limit))
            return [CardKey(*row) for row in dict.fromkeys(found)][:limit]

        return await self._database.query(job)

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        """Return superseded versions past their retention."""

        def job(db: apsw.Connection) -> list[tuple[CardKey, int]]:
            rows = rows_of(db, PAST_RETENTION, (now, limit))
            return [(CardKey(tenant, token), number) for tenant, token, number in rows]

        return await self._database.query(job)

    async def purge_requests(self, before: int, limit: int) -> int:
        """Delete request records older than `before`; return how many went."""

        def job(db: apsw.Connection) -> int:
            db.execute(PURGE_REQUESTS, (before, limit))
            return db.changes()

        return await self._database.write(job)

    async def purge_answers(self, before: int, limit: int) -> int:
        """Delete what is remembered of updaters' answers from before `before`; return how many."""

        def job(db: apsw.Connection) -> int:
            db.execute(PURGE_ANSWERS, (before, limit))
            return db.changes()

        return await self._database.write(job)

    async def parked_due(self, now: int, limit: int) -> list[NumberKey]:
        """Return the numbers whose parked answers are due to be decided again."""

        def job(db: apsw.Connection) -> list[NumberKey]:
            rows = rows_of(db, PARKED_DUE, (now, limit))
            return [NumberKey(*row) for row in dict.fromkeys(rows)]

        return await self._database.query(job)

    async def purge_parked(self, now: int, limit: int) -> int:
        """Delete parked answers whose time is over; return how many."""

        def job(db: apsw.Connection) -> int:
            db.execute(PURGE_PARKED, (now, limit))
            return db.changes()

        return await self._database.write(job)

    async def purge_imprints(self, before: int, limit: int) -> int:
        """Delete what answers left on cards before `before`; return how many rows went."""

        def job(db: apsw.Connection) -> int:
            db.execute(PURGE_IMPRINTS, (before, limit))
            return db.changes()

        return await self._database.write(job)
