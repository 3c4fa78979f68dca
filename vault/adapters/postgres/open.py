"""Opening PostgreSQL with all its ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from chassis.events.postgres_outbox import PostgresOutbox
from chassis.postgres.connection import Link, Reads, open_pool
from chassis.postgres.leader import Leader
from chassis.postgres.schema import check_schema
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.housekeeping import PostgresHousekeeping
from vault.adapters.postgres.lease import keep_leases, release_leases
from vault.adapters.postgres.schema_version import SCHEMA
from vault.adapters.postgres.sql import OUTBOX
from vault.adapters.postgres.store import PostgresCardReader, PostgresStore
from vault.adapters.postgres.trail import PostgresAuditStore, PostgresKeyStore
from vault.domain.events import OutboxRow

LINKS: Final = 4
"""A process's connections beside those for reads: flushes, leases, events, and all else."""


@asynccontextmanager
async def open_postgres(address: Address) -> AsyncIterator[Engine]:
    """Connect, check the schema's revision, and yield all ports; close on exit.

    The schema is never changed here: `migrating.migrate` does that, as another role. Raises
    UnsuitableDatabase where it has not, StoreUnavailable where the server cannot be reached.
    """
    async with AsyncExitStack() as stack:
        leader = Leader(address)
        pool = await open_pool(address, leader)
        stack.push_async_callback(pool.close)
        reads = Reads(pool, address)
        await check_schema(reads, SCHEMA)
        flushes, leases, events, aside = [Link(address, leader) for _ in range(LINKS)]
        for link in (flushes, leases, events, aside):
            stack.push_async_callback(link.close)
        store = PostgresStore(flushes)
        keeping = asyncio.get_running_loop().create_task(keep_leases(leases, store.chains))
        try:
            yield Engine(
                store=store,
                reader=PostgresCardReader(reads),
                files=PostgresCardReader(reads),
                housekeeping=PostgresHousekeeping(reads, aside),
                audit=PostgresAuditStore(reads, aside),
                outbox=PostgresOutbox(events, OUTBOX, "token", OutboxRow),
                keys=PostgresKeyStore(reads, aside),
            )
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await release_leases(leases, store.chains)
