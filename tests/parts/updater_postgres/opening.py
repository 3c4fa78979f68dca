"""How a world opens a database that is not in its directory, and a way through a proxy to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.doubles.postgres_cutter import Cutter
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres

Opens = Callable[[Path], AbstractAsyncContextManager[Engine]]


def opening(address: Address) -> Opens:
    """Return what `World.opens` is, for this database: all work is this process's."""

    @asynccontextmanager
    async def opens(_root: Path) -> AsyncIterator[Engine]:
        async with open_postgres(address) as engine:
            yield await working(engine)

    return opens


async def working(engine: Engine) -> Engine:
    """Return the same engine, its stores those of a piece of work that this process has."""
    bench = engine.bench("channel:test")
    async with asyncio.timeout(30):
        await bench.duty.taken()
    return replace(
        engine,
        enrolments=bench.enrolments,
        inquiries=bench.inquiries,
        feeds=bench.feeds,
        incidents=bench.incidents,
        pauses=bench.pauses,
    )


def behind(proxy: Cutter, dsn: str, **more: float) -> Address:
    """Return the way to a database through the proxy."""
    name = dsn.rpartition("/")[2]
    return Address(f"postgresql://updater_app@127.0.0.1:{proxy.port}/{name}", **more)  # type: ignore[arg-type]


async def until(found: Callable[[], Awaitable[object]], within_s: float) -> None:
    """Wait until something is found."""
    async with asyncio.timeout(within_s):
        while not await found():  # noqa: ASYNC110 - what is awaited happens elsewhere
            await asyncio.sleep(0.1)
