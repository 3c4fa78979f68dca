"""`cardvault migrate` on PostgreSQL: revisions, grants and the audit's days, by the owning role.

Everything but the days is one transaction under an advisory lock: a second migrate, at the same
time or later, waits, finds nothing to do and does no harm.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Final

import asyncpg
from alembic import command

from vault.adapters.postgres.faults import translated
from vault.adapters.postgres.schema_version import (
    CURRENT,
    IS_THERE,
    TABLE,
    UnsuitableDatabase,
    alembic_config,
    known_revisions,
)

LOCK: Final = 0x6361_7264_7661_756C  # "cardvaul"
GROUPS: Final = ("cardvault_serving", "cardvault_reporting")
DAYS_AHEAD: Final = 60
_EPOCH: Final = date(1970, 1, 1)
_DAY_US: Final = 86_400_000_000


async def migrate(dsn: str, today: date | None = None) -> str:
    """Bring a database to this release's revision; return it. Raises StoreError."""
    try:
        db = await asyncpg.connect(
            dsn, timeout=10, statement_cache_size=0, target_session_attrs="read-write"
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise translated(error) from None
    try:
        await _groups(db)
        async with db.transaction():
            await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            revision = await _revisions(db)
            await db.execute(_text("roles.sql"))
        await _days(db, today or datetime.now(UTC).date())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise translated(error) from None
    finally:
        await db.close()
    return revision


async def _groups(db: asyncpg.Connection) -> None:
    """Make the groups that this cluster does not have; roles belong to all of its databases."""
    for name in GROUPS:
        async with db.transaction():
            await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
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


async def _revisions(db: asyncpg.Connection) -> str:
    current: str | None = None
    if await db.fetchval(IS_THERE, TABLE):
        current = await db.fetchval(CURRENT)
    known = known_revisions()
    if current is not None and current not in known:
        raise UnsuitableDatabase("this database belongs to a newer release")
    if current != known[0]:
        await db.execute(_script(current, known[0]))
    return known[0]


def _script(current: str | None, target: str) -> str:
    """Return what Alembic would run, as SQL: no second driver, and one transaction for all."""
    config = alembic_config()
    config.output_buffer = out = io.StringIO()
    command.upgrade(config, f"{current}:{target}" if current else target, sql=True)
    return out.getvalue()


async def _days(db: asyncpg.Connection, today: date) -> None:
    """Make the audit's partitions from today on; a day whose records came first stays as it is."""
    for ahead in range(DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        name = f"audit_{day:%Y%m%d}"
        start = (day - _EPOCH).days * _DAY_US
        async with db.transaction():
            await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            if await db.fetchval(IS_THERE, name):
                continue
            # Attached, not made in place: so the parent is never locked against flushes.
            await db.execute(f"CREATE TABLE {name} (LIKE audit)")
            try:
                async with db.transaction():
                    await db.execute(
                        f"ALTER TABLE audit ATTACH PARTITION {name}"
                        f" FOR VALUES FROM ({start}) TO ({start + _DAY_US})"
                    )
            except asyncpg.CheckViolationError:
                await db.execute(f"DROP TABLE {name}")  # the default partition has that day


def _text(name: str) -> str:
    return resources.files("vault.adapters.postgres").joinpath(name).read_text("utf-8")
