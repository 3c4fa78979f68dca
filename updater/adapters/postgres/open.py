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
from updater.adapters.postgres.benches import Benches, bench_over
from updater.adapters.postgres.database import Plain, told
from updater.adapters.postgres.lease import SPAN_S
from updater.adapters.postgres.leases import Leases
from updater.adapters.postgres.outbox import Teller
from updater.adapters.postgres.requests import PostgresRequests
from updater.adapters.postgres.schema_version import SCHEMA
from updater.domain.errors import DatabaseTooNew
from updater.domain.events import Encode, OutboxRow
from updater.usecases.duty import Alone

LINKS: Final = 3
"""A process's connections beside those for reads: calls' changes, leases, and events.

And one for each piece of work that it has: as many as channels, and one more.
"""


@asynccontextmanager
async def open_postgres(
    address: Address,
    encode: Encode = None,
    *,
    working: bool = True,
    sharing: bool = True,
    span_s: float = SPAN_S,
) -> AsyncIterator[Engine]:
    """Connect, check the schema's revision, and yield all ports; close on exit.

    Not `working`: only looks, and makes single small changes, and never asks for a lease. Not
    `sharing`: takes every lease that is free, and keeps it: it is here to do all work once. Without
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
        beside, aside, events = [Link(address) for _ in range(LINKS)]
        for link in (beside, aside, events):
            stack.push_async_callback(link.close)
        leases, tell = Leases(aside, span_s, sharing=sharing), Teller(encode)
        benches = Benches(address, reads, tell, leases)
        stack.push_async_callback(benches.close)
        if working:
            await stack.enter_async_context(_kept(leases))
        plain = Plain(reads, beside)
        calls = bench_over(plain, tell, Alone())
        yield Engine(
            enrolments=calls.enrolments,
            inquiries=calls.inquiries,
            feeds=calls.feeds,
            incidents=calls.incidents,
            pauses=calls.pauses,
            requests=PostgresRequests(plain),
            outbox=PostgresOutbox(events, columns_of(OutboxRow), "subject", OutboxRow),
            bench=benches,
        )


@asynccontextmanager
async def _kept(leases: Leases) -> AsyncIterator[None]:
    """Ask for leases as they are wanted, and renew them; give them back on exit."""
    keeping = asyncio.get_running_loop().create_task(leases.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await leases.release()
