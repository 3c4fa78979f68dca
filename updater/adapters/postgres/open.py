"""Opening PostgreSQL with all its ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from chassis.events.postgres_outbox import PostgresOutbox
from chassis.postgres.connection import Link, Reads, open_pool
from chassis.postgres.schema import check_schema
from chassis.postgres.sql import columns_of
from chassis.store_errors import StoreError, UnsuitableDatabase
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.database import Database, told
from updater.adapters.postgres.enrolments import PostgresEnrolments
from updater.adapters.postgres.feeds import PostgresFeeds
from updater.adapters.postgres.incidents import PostgresIncidents
from updater.adapters.postgres.inquiries import PostgresInquiries
from updater.adapters.postgres.lease import SPAN_S, Lease
from updater.adapters.postgres.outbox import Teller
from updater.adapters.postgres.schema_version import SCHEMA
from updater.domain.errors import DatabaseTooNew
from updater.domain.events import Encode, OutboxRow

LINKS: Final = 4
"""A process's connections beside those for reads: two for changes, the lease, and events."""


@asynccontextmanager
async def open_postgres(
    address: Address, encode: Encode = None, *, working: bool = True, span_s: float = SPAN_S
) -> AsyncIterator[Engine]:
    """Connect, check the schema's revision, and yield all ports; close on exit.

    Not `working`: only looks, and makes single small changes, and never asks for the lease. Without
    `encode` nothing is told of: no outbox is kept. The schema is never changed here. Raises
    DatabaseTooNew where it is not this release's, StoreUnavailable where the server cannot be
    reached.
    """
    async with AsyncExitStack() as stack:
        try:
            pool = await open_pool(address)
            stack.push_async_callback(pool.close)
            reads = Reads(pool, address)
            await check_schema(reads, SCHEMA)
        except UnsuitableDatabase as error:
            raise DatabaseTooNew(str(error)) from None
        except StoreError as error:
            raise told(error) from None
        work, beside, aside, events = [Link(address) for _ in range(LINKS)]
        for link in (work, beside, aside, events):
            stack.push_async_callback(link.close)
        lease = Lease(aside, span_s)
        database = Database(reads, work, beside, lease)
        tell = Teller(encode)
        if working:
            await stack.enter_async_context(_kept(lease))
        yield Engine(
            enrolments=PostgresEnrolments(database),
            inquiries=PostgresInquiries(database, tell),
            feeds=PostgresFeeds(database, tell),
            incidents=PostgresIncidents(database),
            duty=lease,
            outbox=PostgresOutbox(events, columns_of(OutboxRow), "subject", OutboxRow),
        )


@asynccontextmanager
async def _kept(lease: Lease) -> AsyncIterator[None]:
    """Ask for the lease, now and from time to time; give it back on exit."""
    await lease.turn()
    keeping = asyncio.get_running_loop().create_task(lease.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await lease.release()
