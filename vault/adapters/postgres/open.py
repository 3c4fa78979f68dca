"""Opening PostgreSQL with all its ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.connection import Link, open_pool
from vault.adapters.postgres.housekeeping import PostgresHousekeeping
from vault.adapters.postgres.lease import keep_leases, release_leases
from vault.adapters.postgres.schema_version import CURRENT, IS_THERE, TABLE, check_served
from vault.adapters.postgres.store import PostgresCardReader, PostgresStore, Reads
from vault.adapters.postgres.trail import PostgresAuditStore, PostgresKeyStore, PostgresOutbox


@asynccontextmanager
async def open_postgres(address: Address) -> AsyncIterator[Engine]:
    """Connect, check the schema's revision, and yield all ports; close on exit.

    The schema is never changed here: `migrating.migrate` does that, as another role. Raises
    UnsuitableDatabase where it has not, StoreUnavailable where the server cannot be reached.
    """
    async with AsyncExitStack() as stack:
        pool = await open_pool(address)
        stack.push_async_callback(pool.close)
        reads = Reads(pool, address)
        there = await reads.rows(IS_THERE, (TABLE,))
        current = await reads.rows(CURRENT, ()) if there[0][0] else []
        check_served(current[0][0] if current else None)
        flushes, aside = Link(address), Link(address)
        stack.push_async_callback(flushes.close)
        stack.push_async_callback(aside.close)
        store = PostgresStore(flushes)
        leases = asyncio.get_running_loop().create_task(keep_leases(aside, store.chains))
        try:
            yield Engine(
                store=store,
                reader=PostgresCardReader(reads),
                housekeeping=PostgresHousekeeping(reads, aside),
                audit=PostgresAuditStore(reads, aside),
                outbox=PostgresOutbox(reads, aside),
                keys=PostgresKeyStore(reads, aside),
            )
        finally:
            leases.cancel()
            await asyncio.wait([leases])
            await release_leases(aside, store.chains)
