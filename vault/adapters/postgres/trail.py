"""The audit trail beside the flush, and the wrapped keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from chassis.postgres.connection import Link, Reads
from chassis.postgres.sql import NOW, Arguments, inserting, listed
from vault.adapters.postgres.sql import DATA_KEY
from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.queries import AuditQuery, Checkpoint
from vault.usecases.ports import Conflict

OPEN_CHAINS: Final = "SELECT chain, sequence, hash FROM chains WHERE NOT ended ORDER BY chain"
ABANDONED_CHAINS: Final = (
    "SELECT chain, sequence, hash FROM chains"  # noqa: S608 - constants only
    f" WHERE NOT ended AND (lease = 0 OR lease <= {NOW} - $1::bigint) ORDER BY chain"
)
CHAIN_RECORDS: Final = (
    "SELECT chain, sequence, time, record, hash FROM audit"
    " WHERE chain = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
)
AUDIT_REACH: Final = (
    "SELECT a.chain, a.sequence FROM audit AS a WHERE (a.chain, a.sequence) > ($1, $2)"
    " ORDER BY a.chain, a.sequence LIMIT 1 OFFSET $3"
)
ADD_CHECKPOINT: Final = (
    "INSERT INTO checkpoints (number, time, body, key_id, signature)"
    " SELECT $1::bigint, $2::bigint, $3::bytea, $4::text, $5::bytea WHERE $1::bigint = 1 +"
    " coalesce((SELECT max(number) FROM checkpoints), 0) RETURNING 1"
)
CHECKPOINTS: Final = (
    "SELECT number, time, body, key_id, signature FROM checkpoints"
    " WHERE number < $1 AND time >= $2 AND ($3::bigint = 0 OR time < $3::bigint)"
    " ORDER BY number DESC LIMIT $4"
)
LAST_CHECKPOINT: Final = (
    "SELECT number, time, body, key_id, signature FROM checkpoints ORDER BY number DESC LIMIT 1"
)
_NO_BOUND: Final = 2**63 - 1
DATA_KEYS: Final = (
    f"SELECT {listed(DATA_KEY, 'd')} FROM data_keys AS d"  # noqa: S608 - constants only
    " WHERE d.tenant = $1 ORDER BY d.state, d.created DESC, d.key_id"
)


class PostgresAuditStore:
    """`AuditStore`."""

    def __init__(self, reads: Reads, link: Link) -> None:
        self._reads = reads
        self._link = link

    async def open_chains(self) -> list[ChainHead]:
        """Return the chains that no successor has ended."""
        return [ChainHead(*row) for row in await self._reads.rows(OPEN_CHAINS, ())]

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        """Return the open chains whose leases were given back, or ran out `for_us` ago."""
        return [ChainHead(*row) for row in await self._reads.rows(ABANDONED_CHAINS, (for_us,))]

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        """Return a tenant's records by (chain, sequence), behind those two of `query.after`."""
        return [AuditRow(*row) for row in await self._reads.rows(*audit_listing(query))]

    async def audit_reach(self, after: tuple[str, int], records: int) -> tuple[str, int] | None:
        """Return the (chain, sequence) that many records behind `after`, if there are as many."""
        rows = await self._reads.rows(AUDIT_REACH, (*after, records - 1))
        return (rows[0][0], rows[0][1]) if rows else None

    async def chain_records(self, chain: str, after: int, limit: int) -> list[AuditRow]:
        """Return a chain's records behind `after`, in order."""
        rows = await self._reads.rows(CHAIN_RECORDS, (chain, after, limit))
        return [AuditRow(*row) for row in rows]

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a signed checkpoint; numbers are gapless, a second one is a Conflict."""
        if not await self._link.write(ADD_CHECKPOINT, checkpoint):
            raise Conflict("this is not the next checkpoint's number")

    async def checkpoints(
        self, before: int, limit: int, from_time: int = 0, to_time: int = 0
    ) -> list[Checkpoint]:
        """Return checkpoints numbered below `before`, newest first."""
        values = (before or _NO_BOUND, from_time, to_time, limit)
        return [Checkpoint(*row) for row in await self._reads.rows(CHECKPOINTS, values)]

    async def last_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint."""
        rows = await self._reads.rows(LAST_CHECKPOINT, ())
        return Checkpoint(*rows[0]) if rows else None


def audit_listing(query: AuditQuery) -> tuple[str, list[Any]]:
    """Return the statement that answers a query, and its values.

    A record is searched as `domain.audit.link` wrote it: a quote inside a value has a backslash
    before it, so a name and value in quotes are found as such and nowhere else, and no record can
    break the search for others, as one that is no valid JSON for PostgreSQL would.
    """
    arguments = Arguments()
    one = arguments.one
    chain, sequence = query.after
    after = f"(a.chain, a.sequence) > ({one(chain, 'text')}, {one(sequence, 'bigint')})"
    where = [after]
    if query.until is not None:
        last, number = query.until
        where.append(f"(a.chain, a.sequence) <= ({one(last, 'text')}, {one(number, 'bigint')})")
    if query.from_time:
        where.append(f"a.time >= {one(query.from_time)}")
    if query.to_time:
        where.append(f"a.time < {one(query.to_time)}")
    for name in ("tenant", "action", "token", "principal"):
        value = getattr(query, name)
        if value or name == "tenant":
            said = f',"{name}":{json.dumps(value)}'.encode()
            where.append(f"position({one(said, 'bytea')} IN a.record) > 0")
    statement = (
        "SELECT a.chain, a.sequence, a.time, a.record, a.hash FROM audit AS a"  # noqa: S608
        f" WHERE {' AND '.join(where)} ORDER BY a.chain, a.sequence LIMIT {one(query.limit)}"
    )
    return statement, arguments.values


class PostgresKeyStore:
    """`KeyStore`."""

    def __init__(self, reads: Reads, link: Link) -> None:
        self._reads = reads
        self._link = link

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """Return a tenant's keys, active ones first; `""` is the service's own."""
        return [DataKey(*row) for row in await self._reads.rows(DATA_KEYS, (tenant,))]

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        """Add keys; a Conflict where the tenant has an active one for a purpose already."""
        arguments = Arguments()
        statement = inserting(arguments, "data_keys", DATA_KEY, keys)
        await self._link.write(statement, arguments.values)
