"""`cardvault migrate` on PostgreSQL: revisions, grants and the audit's days, by the owning role."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

from chassis.postgres.migrating import locked, migrating
from chassis.postgres.role_settings import set_on_roles
from chassis.postgres.schema import IS_THERE
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.schema_version import SCHEMA

SERVING: Final = "cardvault_serving"
DAYS_AHEAD: Final = 60
_EPOCH: Final = date(1970, 1, 1)
_DAY_US: Final = 86_400_000_000


async def migrate(dsn: str, today: date | None = None) -> str:
    """Bring a database to this release's revision; return it. Raises StoreError."""
    async with migrating(dsn, SCHEMA) as (db, revision):
        await _days(db, today or datetime.now(UTC).date())
        await set_on_roles(db, SCHEMA, SERVING, Address("", pooler="pgbouncer").settings())
    return revision


async def _days(db: asyncpg.Connection, today: date) -> None:
    """Make the audit's partitions from today on; a day whose records came first stays as it is."""
    for ahead in range(DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        name = f"audit_{day:%Y%m%d}"
        start = (day - _EPOCH).days * _DAY_US
        async with locked(db, SCHEMA):
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
