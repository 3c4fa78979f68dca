"""An updater's database a test, on one real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.parts.servers.updater_databases import UpdaterDatabases
from tests.parts.updater_postgres.opening import working
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres


@pytest.fixture
async def dsn(databases: UpdaterDatabases) -> AsyncIterator[str]:
    """Lend a migrated database; its address is for the serving role."""
    async with databases.lent() as dsn:
        yield dsn


@pytest.fixture
async def beside(dsn: str) -> AsyncIterator[Engine]:
    """Open the updater's store on it, to look only."""
    async with open_postgres(Address(dsn), working=False) as opened:
        yield opened


@pytest.fixture(params=["calls", "bench"])
async def engine(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Engine]:
    """Open the updater's store on it: as calls have it, or as a piece of work does."""
    async with open_postgres(Address(dsn)) as opened:
        yield opened if request.param == "calls" else await working(opened)
