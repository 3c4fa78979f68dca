"""Migrating a schema: its revisions and grants, by the owning role.

One transaction under an advisory lock: a second migrate, at the same time or later, waits, finds
nothing to do and does no harm.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from alembic import command

from chassis.postgres.address import Address
from chassis.postgres.faults import DRIVER, translated
from chassis.postgres.leader import Leader
from chassis.postgres.schema import IS_THERE, Schema
from chassis.store_errors import UnsuitableDatabase


class _Plain(Address):
    """A session as the server and the owner's role have it, and nothing prepared."""

    @property
    def prepares(self) -> bool:
        """Keep nothing: tables change under the statements."""
        return False

    def at_start(self, *, listing: bool = False) -> dict[str, str]:
        """Ask for nothing."""
        return {}


@asynccontextmanager
async def migrating(dsn: str, schema: Schema) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """Bring a database to this release's revision; yield a connection, for more, and the revision.

    Raises StoreError, in place of what the driver raises in the block, too.
    """
    try:
        db = await Leader(_Plain(dsn, connect_s=10)).connect()
    except DRIVER as error:
        raise translated(error) from None
    try:
        await _groups(db, schema)
        async with locked(db, schema):
            revision = await _revisions(db, schema)
            await db.execute(schema.text("roles.sql"))
        yield db, revision
    except asyncpg.DuplicateTableError:
        raise UnsuitableDatabase(
            "tables of others are here: give it a database of its own"
        ) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise translated(error) from None
    finally:
        await db.close()


@asynccontextmanager
async def locked(db: asyncpg.Connection, schema: Schema) -> AsyncIterator[None]:
    """Begin a transaction that no other migration of this schema runs beside."""
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", schema.lock)
        yield


async def _groups(db: asyncpg.Connection, schema: Schema) -> None:
    """Make the groups that this cluster does not have; roles belong to all of its databases."""
    for name in schema.groups:
        async with locked(db, schema):
            if await db.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                continue
            try:
                async with db.transaction():
                    await db.execute(f"CREATE ROLE {name} NOLOGIN")
            except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                continue  # somebody migrates another database of this cluster
            except asyncpg.InsufficientPrivilegeError:
                raise UnsuitableDatabase(
                    f"this role may not make roles: make {name} first"
                ) from None


async def _revisions(db: asyncpg.Connection, schema: Schema) -> str:
    current: str | None = None
    if await db.fetchval(IS_THERE, schema.table):
        current = await db.fetchval(schema.current)
    known = schema.revisions()
    if current is not None and current not in known:
        raise UnsuitableDatabase("this database belongs to a newer release")
    if current != known[0]:
        await db.execute(_script(schema, current, known[0]))
    return known[0]


def _script(schema: Schema, current: str | None, target: str) -> str:
    """Return what Alembic would run, as SQL: no second driver, and one transaction for all."""
    config = schema.config()
    config.output_buffer = out = io.StringIO()
    command.upgrade(config, f"{current}:{target}" if current else target, sql=True)
    return out.getvalue()
