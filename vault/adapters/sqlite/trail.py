"""The audit trail beside the flush, and the wrapped keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw

from vault.adapters.sqlite.database import Database
from vault.adapters.sqlite.sql import columns, filled, inserting, rows_of
from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.queries import AuditQuery, Checkpoint
from vault.usecases.ports import Conflict

OPEN_CHAINS: Final = (
    "SELECT chain, sequence, hash FROM chains INDEXED BY chains_by_end"
    " WHERE ended = 0 ORDER BY chain"
)
CHAIN_RECORDS: Final = (
    "SELECT chain, sequence, time, record, hash FROM audit INDEXED BY audit_by_sequence"
    " WHERE chain = ? AND sequence > ? ORDER BY sequence LIMIT ?"
)
# No index but the chain's own serves this: one on the tenant would nearly double what a reveal
# costs. It runs on the reader thread, and looks through a bounded part of the trail at a time.
AUDIT_ROWS: Final = (
    "SELECT chain, sequence, time, record, hash FROM audit INDEXED BY audit_by_sequence"
    " WHERE (chain, sequence) > (:chain, :sequence) AND $FILTERS"
    " ORDER BY chain, sequence LIMIT :limit"
)
AUDIT_REACH: Final = (
    "SELECT chain, sequence FROM audit INDEXED BY audit_by_sequence"
    " WHERE (chain, sequence) > (?, ?) ORDER BY chain, sequence LIMIT 1 OFFSET ?"
)
ADD_CHECKPOINT: Final = (
    "INSERT INTO checkpoints (number, time, body, key_id, signature) SELECT ?1, ?2, ?3, ?4, ?5"
    " WHERE ?1 = 1 + ifnull((SELECT max(number) FROM checkpoints WHERE number > 0), 0)"
)
CHECKPOINTS: Final = (
    "SELECT number, time, body, key_id, signature FROM checkpoints"
    " WHERE number > 0 AND number < ?1 AND time >= ?2 AND (?3 = 0 OR time < ?3)"
    " ORDER BY number DESC LIMIT ?4"
)
LAST_CHECKPOINT: Final = (
    "SELECT number, time, body, key_id, signature FROM checkpoints"
    " WHERE number > 0 ORDER BY number DESC LIMIT 1"
)
_NO_BOUND: Final = 2**63 - 1
DATA_KEYS: Final = filled(
    "SELECT $NAMES FROM data_keys WHERE tenant = ? ORDER BY state, created DESC, key_id",
    NAMES=columns(DataKey._fields),
)
ADD_DATA_KEYS: Final = inserting("data_keys", DataKey._fields)


class SqliteAuditStore:
    """`AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_chains(self) -> list[ChainHead]:
        """Return the chains that no successor has ended."""
        return self._database.read(
            lambda db: [ChainHead(*row) for row in rows_of(db, OPEN_CHAINS, ())]
        )

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        """Return the open chains: this process has the file's lock, so their own are dead."""
        return await self.open_chains()

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        """Return a tenant's records by (chain, sequence), behind those two of `query.after`."""
        statement, values = audit_listing(query)
        return await self._database.query(
            lambda db: [AuditRow(*row) for row in rows_of(db, statement, values)]
        )

    async def audit_reach(self, after: tuple[str, int], records: int) -> tuple[str, int] | None:
        """Return the (chain, sequence) that many records behind `after`, if there are as many."""
        values = (*after, records - 1)
        rows = await self._database.query(lambda db: rows_of(db, AUDIT_REACH, values))
        return (rows[0][0], rows[0][1]) if rows else None

    async def chain_records(self, chain: str, after: int, limit: int) -> list[AuditRow]:
        """Return a chain's records behind `after`, in order."""
        return await self._database.query(
            lambda db: [AuditRow(*row) for row in rows_of(db, CHAIN_RECORDS, (chain, after, limit))]
        )

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a signed checkpoint; numbers are gapless, a second one is a Conflict."""

        def job(db: apsw.Connection) -> None:
            db.execute(ADD_CHECKPOINT, checkpoint)
            if db.changes() != 1:
                raise Conflict("this is not the next checkpoint's number")

        await self._database.write(job)

    async def checkpoints(
        self, before: int, limit: int, from_time: int = 0, to_time: int = 0
    ) -> list[Checkpoint]:
        """Return checkpoints numbered below `before`, newest first."""
        values = (before or _NO_BOUND, from_time, to_time, limit)
        return await self._database.query(
            lambda db: [Checkpoint(*row) for row in rows_of(db, CHECKPOINTS, values)]
        )

    async def last_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint."""
        rows = self._database.read(lambda db: rows_of(db, LAST_CHECKPOINT, ()))
        return Checkpoint(*rows[0]) if rows else None


def audit_listing(query: AuditQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement that answers a query, and its values."""
    chain, sequence = query.after
    values: dict[str, Any] = {"chain": chain, "sequence": sequence, "limit": query.limit}
    filters = ["record ->> 'tenant' = :tenant"]
    values["tenant"] = query.tenant
    if query.until is not None:
        filters.insert(0, "(chain, sequence) <= (:last_chain, :last_sequence)")
        values["last_chain"], values["last_sequence"] = query.until
    for name, condition in (
        ("from_time", "time >= :from_time"),
        ("to_time", "time < :to_time"),
        ("action", "record ->> 'action' = :action"),
        ("token", "record ->> 'token' = :token"),
        ("principal", "record ->> 'principal' = :principal"),
    ):
        value = getattr(query, name)
        if value:
            filters.insert(0 if name.endswith("time") else len(filters), condition)
            values[name] = value
    return filled(AUDIT_ROWS, FILTERS=" AND ".join(filters)), values


class SqliteKeyStore:
    """`KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """Return a tenant's keys, active ones first; `""` is the service's own."""
        return self._database.read(
            lambda db: [DataKey(*row) for row in rows_of(db, DATA_KEYS, (tenant,))]
        )

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        """Add keys; a Conflict where the tenant has an active one for a purpose already."""
        await self._database.write(lambda db: ADD_DATA_KEYS.change(db, keys))
