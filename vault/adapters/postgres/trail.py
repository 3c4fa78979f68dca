"""The audit trail beside the flush, the outbox, and the wrapped keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from vault.adapters.postgres.connection import Link
from vault.adapters.postgres.sql import DATA_KEY, NOW, OUTBOX, Arguments, inserting, listed
from vault.adapters.postgres.store import Reads
from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.events import OutboxRow
from vault.domain.queries import AuditQuery, Checkpoint
from vault.usecases.ports import Conflict

OPEN_CHAINS: Final = "SELECT chain, sequence, hash FROM chains WHERE NOT ended ORDER BY chain"
ABANDONED_CHAINS: Final = (
    "SELECT chain, sequence, hash FROM chains"  # noqa: S608 - constants only
    f" WHERE NOT ended AND lease <= {NOW} ORDER BY chain"
)
CHAIN_RECORDS: Final = (
    "SELECT chain, sequence, time, record, hash FROM audit"
    " WHERE chain = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
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
PENDING: Final = f"SELECT {listed(OUTBOX)} FROM outbox ORDER BY token, revision, tenant LIMIT $1"  # noqa: S608
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

    async def abandoned_chains(self) -> list[ChainHead]:
        """Return the open chains whose processes have let their leases run out."""
        return [ChainHead(*row) for row in await self._reads.rows(ABANDONED_CHAINS, ())]

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        """Return a tenant's records by (chain, sequence), behind those two of `query.after`."""
        return [AuditRow(*row) for row in await self._reads.rows(*audit_listing(query))]

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
    _time, chain, sequence = query.after
    after = f"(a.chain, a.sequence) > ({one(chain, 'text')}, {one(sequence, 'bigint')})"
    where = [after]
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


class PostgresOutbox:
    """`Outbox`."""

    def __init__(self, reads: Reads, link: Link) -> None:
        self._reads = reads
        self._link = link

    async def pending(self, limit: int) -> list[OutboxRow]:
        """Return the oldest events by (token, revision)."""
        return [OutboxRow(*row) for row in await self._reads.rows(PENDING, (limit,))]

    async def delivered(self, rows: Sequence[OutboxRow]) -> None:
        """Delete what the sink has acknowledged."""
        await self._link.write(*dropping_events(rows))


def dropping_events(rows: Sequence[OutboxRow]) -> tuple[str, list[Any]]:
    """Return the statement that deletes delivered events, and its values."""
    arguments = Arguments()
    keys = [(row.tenant, row.token, row.revision) for row in rows]
    source = arguments.rows(keys, {"tenant": "text", "token": "text", "revision": "bigint"})
    statement = (
        f"DELETE FROM outbox AS o USING {source} WHERE o.tenant = k.tenant"  # noqa: S608
        " AND o.token = k.token AND o.revision = k.revision"
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
