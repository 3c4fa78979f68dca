"""How a world opens a database that is not in its directory, and a way through a proxy to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.doubles.postgres_cutter import Cutter
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres

Opens = Callable[[Path], AbstractAsyncContextManager[Engine]]


def opening(address: Address) -> Opens:
    """Return what `World.opens` is, for this database."""

    def opens(_root: Path) -> AbstractAsyncContextManager[Engine]:
        return open_postgres(address)

    return opens


def behind(proxy: Cutter, dsn: str, **more: float) -> Address:
    """Return the way to a database through the proxy."""
    name = dsn.rpartition("/")[2]
    return Address(f"postgresql://updater_app@127.0.0.1:{proxy.port}/{name}", **more)  # type: ignore[arg-type]


async def until(found: Callable[[], Awaitable[object]], within_s: float) -> None:
    """Wait until something is found."""
    async with asyncio.timeout(within_s):
        while not await found():  # noqa: ASYNC110 - what is awaited happens elsewhere
            await asyncio.sleep(0.1)
