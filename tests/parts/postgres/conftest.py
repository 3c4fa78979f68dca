"""A database a test, on one real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.parts.servers.postgres import PostgresServer
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres


@pytest.fixture
async def dsn(postgres: PostgresServer) -> AsyncIterator[str]:
    """Lend a migrated database; its address is for the serving role."""
    async with postgres.lent() as dsn:
        yield dsn


@pytest.fixture
async def engine(dsn: str) -> AsyncIterator[Engine]:
    """Open the vault's store on it."""
    async with open_postgres(Address(dsn)) as opened:
        yield opened
