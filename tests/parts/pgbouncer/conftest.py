"""The vault's store through PgBouncer, of either kind; a database a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import get_args

import asyncpg
import pytest

from chassis.postgres.address import Pooler
from chassis.postgres.role_settings import set_on_roles
from tests.parts.servers.pgbouncer import PgBouncer, pgbouncer
from tests.parts.servers.postgres import PostgresServer, as_owner
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.migrating import SERVING
from vault.adapters.postgres.open import open_postgres
from vault.adapters.postgres.schema_version import SCHEMA

POOLERS = [name for name in get_args(Pooler) if name != "none"]


@pytest.fixture(scope="session", params=POOLERS)
def pooler(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[PgBouncer]:
    """Run a pooler for the whole session, of each kind in turn."""
    with pgbouncer(request.param, postgres.port) as running:
        yield running


@pytest.fixture
async def direct(postgres: PostgresServer) -> AsyncIterator[str]:
    """Lend a database by its address past the pooler; its role has what sessions need."""
    async with postgres.lent() as dsn:
        owner = await asyncpg.connect(as_owner(dsn))
        try:
            settings = Address(dsn, pooler="pgbouncer").settings()
            await set_on_roles(owner, SCHEMA, SERVING, settings)
        finally:
            await owner.close()
        yield dsn


@pytest.fixture
def address(pooler: PgBouncer, direct: str) -> Address:
    """Return the way through the pooler."""
    return Address(pooler.dsn(direct), pooler=pooler.pooler)


@pytest.fixture
async def engine(address: Address) -> AsyncIterator[Engine]:
    """Open the vault's store through the pooler."""
    async with open_postgres(address) as opened:
        yield opened
