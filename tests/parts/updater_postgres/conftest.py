"""An updater's database a test, on one real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.parts.servers.updater_databases import UpdaterDatabases
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres


@pytest.fixture
async def dsn(databases: UpdaterDatabases) -> str:
    """Return a migrated database's address, for the serving role."""
    return await databases.migrated()


@pytest.fixture
async def beside(dsn: str) -> AsyncIterator[Engine]:
    """Open the updater's store on it, to look only."""
    async with open_postgres(Address(dsn), working=False) as opened:
        yield opened


@pytest.fixture
async def engine(dsn: str) -> AsyncIterator[Engine]:
    """Open the updater's store on it, with the lease taken."""
    async with open_postgres(Address(dsn)) as opened:
        yield opened
