"""`cardvault-updater migrate` on PostgreSQL: revisions and grants, by the owning role."""

from __future__ import annotations

from typing import Final

from chassis.postgres.migrating import migrating
from chassis.postgres.role_settings import set_on_roles
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.schema_version import SCHEMA

SERVING: Final = "cardvault_updater_serving"


async def migrate(dsn: str) -> str:
    """Bring a database to this release's revision; return it. Raises StoreError."""
    async with migrating(dsn, SCHEMA) as (db, revision):
        await set_on_roles(db, SCHEMA, SERVING, Address("", pooler="pgbouncer").settings())
    return revision
