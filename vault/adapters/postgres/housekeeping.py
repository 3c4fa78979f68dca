"""What the sweeper asks for, over all tenants; every answer is bounded."""

from __future__ import annotations

from typing import Final

from chassis.postgres.connection import Link, Reads
from vault.domain.card import CardKey
from vault.usecases.ledger.state import NumberKey

# A card or version under legal hold is passed over here as well as refused by its decision:
# otherwise a page full of held ones would be found again and again.
_FREE: Final = "position('\"LEGAL_HOLD\"' IN c.holds) = 0"
PAST_GRACE: Final = (
    "SELECT c.tenant, c.token FROM cards AS c WHERE c.status = 'DELETED'"  # noqa: S608
    f" AND c.sealed IS NOT NULL AND c.purge_time <= $1 AND {_FREE}"
    " ORDER BY c.purge_time LIMIT $2"
)
PAST_TTL: Final = (
    "SELECT c.tenant, c.token FROM cards AS c WHERE c.expire_time > 0"  # noqa: S608
    f" AND c.sealed IS NOT NULL AND c.expire_time <= $1 AND {_FREE}"
    " ORDER BY c.expire_time LIMIT $2"
)
PAST_RETENTION: Final = (
    "SELECT v.tenant, v.token, v.credential_version FROM card_versions AS v"  # noqa: S608
    " JOIN cards AS c ON c.tenant = v.tenant AND c.token = v.token"
    f" WHERE v.purge_time <= $1 AND {_FREE} ORDER BY v.purge_time LIMIT $2"
)
PURGE_REQUESTS: Final = (
    "DELETE FROM requests AS r USING (SELECT o.tenant, o.principal, o.request_id"
    " FROM requests AS o WHERE o.create_time < $1 ORDER BY o.create_time LIMIT $2"
    ") AS k"
    " WHERE r.tenant = k.tenant AND r.principal = k.principal AND r.request_id = k.request_id"
    " RETURNING 1"
)

PURGE_ANSWERS: Final = (
    "DELETE FROM applied_updates AS a USING (SELECT o.tenant, o.update_id, o.token"
    " FROM applied_updates AS o WHERE o.time < $1 ORDER BY o.time LIMIT $2"
    ") AS k"
    " WHERE a.tenant = k.tenant AND a.update_id = k.update_id AND a.token = k.token"
    " RETURNING 1"
)
PARKED_DUE: Final = (
    "SELECT p.tenant, p.mac FROM parked_updates AS p"
    " WHERE p.look_time > 0 AND p.look_time <= $1 ORDER BY p.look_time LIMIT $2"
)
PURGE_PARKED: Final = (
    "DELETE FROM parked_updates AS p USING (SELECT o.tenant, o.update_id"
    " FROM parked_updates AS o WHERE o.purge_time <= $1 ORDER BY o.purge_time LIMIT $2"
    ") AS k"
    " WHERE p.tenant = k.tenant AND p.update_id = k.update_id RETURNING 1"
)
PURGE_IMPRINTS: Final = (
    "DELETE FROM imprints AS i USING (SELECT o.tenant, o.token, o.revision, o.update_id"
    " FROM imprints AS o WHERE o.time < $1 ORDER BY o.time LIMIT $2"
    ") AS k"
    " WHERE i.tenant = k.tenant AND i.token = k.token AND i.revision = k.revision"
    " AND i.update_id = k.update_id RETURNING 1"
)


class PostgresHousekeeping:
    """`Housekeeping`."""

    def __init__(self, reads: Reads, link: Link) -> None:
        self._reads = reads
        self._link = link

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        """Return cards past grace or time to live whose contents are still there."""
        found = await self._reads.rows(PAST_GRACE, (now, limit))
        found += await self._reads.rows(PAST_TTL, (now, limit))
        return list(dict.fromkeys(CardKey(*row) for row in found))[:limit]

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        """Return superseded versions past their retention."""
        rows = await self._reads.rows(PAST_RETENTION, (now, limit))
        return [(CardKey(tenant, token), number) for tenant, token, number in rows]

    async def purge_requests(self, before: int, limit: int) -> int:
        """Delete request records older than `before`; return how many went."""
        return len(await self._link.write(PURGE_REQUESTS, (before, limit)))

    async def purge_answers(self, before: int, limit: int) -> int:
        """Delete what is remembered of updaters' answers from before `before`; return how many."""
        return len(await self._link.write(PURGE_ANSWERS, (before, limit)))

    async def parked_due(self, now: int, limit: int) -> list[NumberKey]:
        """Return the numbers whose parked answers are due to be decided again."""
        rows = await self._reads.rows(PARKED_DUE, (now, limit))
        return list(dict.fromkeys(NumberKey(*row) for row in rows))

    async def purge_parked(self, now: int, limit: int) -> int:
        """Delete parked answers whose time is over; return how many."""
        return len(await self._link.write(PURGE_PARKED, (now, limit)))

    async def purge_imprints(self, before: int, limit: int) -> int:
        """Delete what answers left on cards before `before`; return how many rows went."""
        return len(await self._link.write(PURGE_IMPRINTS, (before, limit)))
