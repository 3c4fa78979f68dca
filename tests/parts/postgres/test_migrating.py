"""`cardvault migrate`: once, twice, at once from several, and what it refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from click.testing import CliRunner

from chassis.store_errors import UnsuitableDatabase
from tests.contract.ledger_rows import write
from tests.doubles.vault_ledger import CHAIN
from tests.parts.servers.postgres import PostgresServer, as_owner, as_superuser
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.migrating import DAYS_AHEAD, migrate
from vault.adapters.postgres.open import open_postgres
from vault.adapters.postgres.schema_version import SCHEMA
from vault.cli.serve import migrate as migrate_command

_DAY_US = 86_400_000_000


async def fetch(dsn: str, sql: str) -> list[tuple[object, ...]]:
    db = await asyncpg.connect(as_superuser(dsn))
    try:
        return [tuple(row) for row in await db.fetch(sql)]
    finally:
        await db.close()


PARTITIONS = (
    "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'audit'::regclass ORDER BY c.relname"
)


async def test_several_at_once_and_once_more_leave_one_schema(postgres: PostgresServer) -> None:
    dsn = await postgres.empty_database()
    done = await asyncio.gather(*[migrate(dsn) for _ in range(4)])
    assert done == [SCHEMA.revisions()[0]] * 4
    before = await fetch(dsn, PARTITIONS)
    assert await migrate(dsn) == SCHEMA.revisions()[0]
    assert await fetch(dsn, PARTITIONS) == before
    assert await fetch(dsn, "SELECT version_num FROM vault_schema_version") == [
        (SCHEMA.revisions()[0],)
    ]


def test_the_command_migrates_and_says_so(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = asyncio.run(postgres.empty_database())
    monkeypatch.setenv("CARDVAULT_DATABASE_URL", dsn)
    for _ in range(2):
        done = CliRunner().invoke(migrate_command, [])
        assert (done.exit_code, done.output.strip()) == (0, "the database is at revision 0006")


async def test_a_database_without_tables_is_not_served(postgres: PostgresServer) -> None:
    dsn = await postgres.empty_database()
    with pytest.raises(UnsuitableDatabase, match="cardvault migrate"):
        async with open_postgres(Address(dsn)):
            pass


async def test_a_newer_releases_database_is_served_and_not_migrated(dsn: str) -> None:
    await fetch(dsn, "UPDATE vault_schema_version SET version_num = '9999' RETURNING 1")
    async with open_postgres(Address(dsn)) as engine:
        await write(engine)
    with pytest.raises(UnsuitableDatabase, match="newer"):
        await migrate(as_owner(dsn))


async def test_old_code_writes_and_reads_on_an_expanded_schema(dsn: str) -> None:
    """A column and a table more, as a newer release's expand step adds them."""
    await fetch(dsn, "ALTER TABLE cards ADD COLUMN shade text NOT NULL DEFAULT ''")
    await fetch(dsn, "CREATE TABLE shades (name text)")
    async with open_postgres(Address(dsn)) as engine:
        await write(engine)
        await fetch(dsn, "ALTER TABLE requests ADD COLUMN shade text")  # while it serves
        await write(engine)
        assert (await engine.audit.open_chains())[0].sequence == 2


async def test_the_audit_has_a_partition_for_each_day_ahead(dsn: str) -> None:
    today = datetime.now(UTC).date()
    names = {name for (name,) in await fetch(dsn, PARTITIONS)}
    days = {f"audit_{today + timedelta(days=ahead):%Y%m%d}" for ahead in range(DAYS_AHEAD)}
    assert days - names <= {f"audit_{today:%Y%m%d}"}  # midnight may have come meanwhile
    assert "audit_default" in names


async def test_records_land_in_their_day_or_in_the_default_partition(dsn: str) -> None:
    await migrate(as_owner(dsn), today=date(2031, 1, 1))
    start = (date(2031, 1, 1) - date(1970, 1, 1)).days * _DAY_US
    async with open_postgres(Address(dsn)) as engine:
        for time in (start - 1, start, start + _DAY_US - 1, start + _DAY_US):
            await write(engine, time=time)
        rows = await engine.audit.chain_records(CHAIN, 0, 10)
        assert [row.sequence for row in rows] == [1, 2, 3, 4]
    found = await fetch(dsn, "SELECT sequence, tableoid::regclass::text FROM audit ORDER BY 1")
    assert found == [
        (1, "audit_default"),
        (2, "audit_20310101"),
        (3, "audit_20310101"),
        (4, "audit_20310102"),
    ]


async def test_a_day_that_the_default_partition_has_already_stays_there(dsn: str) -> None:
    time = (date(2032, 5, 5) - date(1970, 1, 1)).days * _DAY_US
    async with open_postgres(Address(dsn)) as engine:
        await write(engine, time=time)
        await migrate(as_owner(dsn), today=date(2032, 5, 5))
        await write(engine, time=time + 1)
        assert len(await engine.audit.chain_records(CHAIN, 0, 10)) == 2
    names = {name for (name,) in await fetch(dsn, PARTITIONS)}
    assert "audit_20320505" not in names
    assert "audit_20320506" in names
