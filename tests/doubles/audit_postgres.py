"""A vault's history in PostgreSQL, and tampering with it as whoever owns the server could."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import asyncpg

from tests.doubles.vault_ports_audit import FakeAuditStore


async def save_to_postgres(store: FakeAuditStore, dsn: str) -> None:
    """Write a store's audit into a migrated database, its records over two partitions."""
    db = await asyncpg.connect(dsn)
    try:
        await db.execute(
            "CREATE TABLE audit_early PARTITION OF audit FOR VALUES FROM (0) TO (1040)"
        )
        for chain, rows in store.rows.items():
            await db.executemany("INSERT INTO audit VALUES ($1, $2, $3, $4, $5)", rows)
            head = (*store.head(chain), chain in store.ended)
            await db.execute("INSERT INTO chains VALUES ($1, $2, $3, $4, 0)", *head)
        signed = "INSERT INTO checkpoints VALUES ($1, $2, $3, $4, $5)"
        await db.executemany(signed, store.signed)
        split = await db.fetchval("SELECT count(DISTINCT tableoid) FROM audit")
        assert split == 2
    finally:
        await db.close()


class Statements:
    """What the tampering asks of a database, in the manner of apsw; each commits by itself."""

    def __init__(self, runner: asyncio.Runner, db: asyncpg.Connection) -> None:
        self._runner = runner
        self._db = db

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        """Run one statement with `?` for values; return its rows."""
        numbers = count(1)
        parts = sql.split("?")
        text = parts[0] + "".join(f"${next(numbers)}{part}" for part in parts[1:])
        rows: list[Sequence[Any]] = self._runner.run(_fetched(self._db, text, values))
        return iter([tuple(row) for row in rows])


@contextmanager
def statements(dsn: str) -> Iterator[Statements]:
    """Open a database; from a thread without a running loop."""
    with asyncio.Runner() as runner:
        db = runner.run(_connected(dsn))
        try:
            yield Statements(runner, db)
        finally:
            runner.run(db.close())


async def _connected(dsn: str) -> asyncpg.Connection:
    return await asyncpg.connect(dsn)


async def _fetched(db: asyncpg.Connection, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = await db.fetch(sql, *values)
    return rows
