"""Databases of the updater on a running PostgreSQL: owned by one role, served by another."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import asyncpg

from tests.parts.servers.postgres import PostgresServer
from updater.adapters.postgres.migrating import migrate

OWNER, SERVING = "updater_owner", "updater_app"
_TEMPLATE = "updater_template"


class UpdaterDatabases:
    """Every test makes itself one."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = count(1)
        self._template = False

    async def empty(self) -> str:
        """Make an empty database; return its owner's DSN."""
        return await self._made(f"updater_empty_{next(self._numbers)}")

    async def migrated(self) -> str:
        """Make a migrated database; return the serving role's DSN."""
        if not self._template:
            self._template = True
            await migrate(await self._made(_TEMPLATE))
            await self.server.admin(
                f"CREATE ROLE {SERVING} LOGIN IN ROLE cardvault_updater_serving"
            )
        name = f"updater_{next(self._numbers)}"
        await self.server.admin(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} OWNER {OWNER}")
        return self.server.dsn(name, SERVING)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[str]:
        """Make a migrated database, and drop it when the block is left; yield as `migrated`."""
        dsn = await self.migrated()
        yield dsn
        await self.server.drop(dsn)

    async def _made(self, name: str) -> str:
        with contextlib.suppress(asyncpg.DuplicateObjectError):
            await self.server.admin(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        await self.server.admin(f"CREATE DATABASE {name} OWNER {OWNER}")
        db = await asyncpg.connect(self.server.dsn(name))
        try:
            await db.execute(f"ALTER SCHEMA public OWNER TO {OWNER}")
        finally:
            await db.close()
        return self.server.dsn(name, OWNER)


def as_user(dsn: str, user: str) -> str:
    """Return another role's way into a database."""
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://{user}@{rest.partition('@')[2]}"
