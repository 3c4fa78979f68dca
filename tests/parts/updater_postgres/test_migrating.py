"""`cardvault-updater migrate`, what is refused before it, and what the serving role may not do."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from click.testing import CliRunner

from chassis.store_errors import UnsuitableDatabase
from tests.contract.updater_release_2 import ROWS, read_on
from tests.contract.updater_rows import a_credential, enrol
from tests.parts.servers.postgres import PostgresServer
from tests.parts.servers.updater_databases import UpdaterDatabases, as_user
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.migrating import migrate
from updater.adapters.postgres.open import open_postgres
from updater.adapters.postgres.schema_version import SCHEMA
from updater.cli.serve import migrate as migrate_command
from updater.domain.errors import DatabaseTooNew

DENIED = {
    "make a table": "CREATE TABLE mine (x int)",
    "drop a table": "DROP TABLE cards",
    "change a table": "ALTER TABLE cards ADD COLUMN x int",
    "make an index": "CREATE INDEX mine ON cards (brand)",
    "make a function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "empty a table": "TRUNCATE answers",
    "lose an answer": "DELETE FROM answers",
    "lose a feed file": "DELETE FROM feed_files",
    "lose an inquiry": "DELETE FROM inquiries",
    "lose a question": "DELETE FROM questions",
    "lose an exception": "DELETE FROM exceptions",
    "lose the lease": "DELETE FROM leases",
    "make a partition of the outbox": "INSERT INTO outbox_leases (partition) VALUES (99)",
    "lose a pause": "DELETE FROM pauses",
    "lose a count": "DELETE FROM wire_counters",
    "say another revision": "UPDATE updater_schema_version SET version_num = '0'",
}


async def fetch(dsn: str, sql: str) -> list[tuple[object, ...]]:
    db = await asyncpg.connect(as_user(dsn, "postgres"))
    try:
        return [tuple(row) for row in await db.fetch(sql)]
    finally:
        await db.close()


async def test_several_at_once_and_once_more_leave_one_schema(databases: UpdaterDatabases) -> None:
    dsn = await databases.empty()
    newest = SCHEMA.revisions()[0]
    assert await asyncio.gather(*[migrate(dsn) for _ in range(4)]) == [newest] * 4
    assert await migrate(dsn) == newest
    assert await fetch(dsn, "SELECT version_num FROM updater_schema_version") == [(newest,)]
    assert await fetch(dsn, "SELECT name FROM leases") == []


async def test_what_release_2_left_is_read_and_gone_on_with(databases: UpdaterDatabases) -> None:
    dsn = await databases.empty()
    owner = await asyncpg.connect(dsn)
    for number in ("0001", "0002"):
        await owner.execute(SCHEMA.text(f"schema/{number}.sql"))
    await owner.execute(
        "CREATE TABLE updater_schema_version (version_num varchar(32) PRIMARY KEY);"
        "INSERT INTO updater_schema_version VALUES ('0002')"
    )
    await owner.execute(ROWS)
    await owner.close()
    # The release before held its one lease, and finds none to renew or to take from now on.
    assert await fetch(dsn, "SELECT name FROM leases") == [("worker",)]
    await migrate(dsn)
    assert await fetch(dsn, "SELECT name FROM leases") == []
    async with open_postgres(Address(dsn)) as engine:
        await read_on(engine)


async def test_a_lease_is_made_when_it_is_first_asked_for(dsn: str) -> None:
    async with open_postgres(Address(dsn)) as engine:
        for name in ("channel:a", "enrol", "channel:a"):
            async with asyncio.timeout(30):
                await engine.bench(name).duty.taken()
    rows = await fetch(dsn, "SELECT name, fence, until FROM leases ORDER BY name")
    assert rows == [("channel:a", 1, 0), ("enrol", 1, 0)]


def test_the_command_migrates_and_says_so(
    databases: UpdaterDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = asyncio.run(databases.empty())
    monkeypatch.setenv("CARDVAULT_UPDATER_DATABASE_URL", dsn)
    for _ in range(2):
        done = CliRunner().invoke(migrate_command, [])
        said = f"the database is at revision {SCHEMA.revisions()[0]}"
        assert (done.exit_code, done.output.strip()) == (0, said)


async def test_a_database_of_the_vault_is_refused(postgres: PostgresServer) -> None:
    vault = as_user(await postgres.database(), "vault_owner")
    with pytest.raises(UnsuitableDatabase, match="of its own"):
        await migrate(vault)
    assert await fetch(vault, "SELECT to_regclass('enrolments') IS NULL") == [(True,)]


async def test_a_database_without_tables_is_not_served(databases: UpdaterDatabases) -> None:
    with pytest.raises(DatabaseTooNew, match="cardvault-updater migrate"):
        async with open_postgres(Address(await databases.empty())):
            pass


async def test_a_newer_releases_database_is_served_and_not_migrated(dsn: str) -> None:
    await fetch(dsn, "UPDATE updater_schema_version SET version_num = '9999' RETURNING 1")
    await fetch(dsn, "ALTER TABLE cards ADD COLUMN shade text NOT NULL DEFAULT ''")
    async with open_postgres(Address(dsn)) as engine:
        assert await enrol(engine, a_credential("tok_1")) == 1
    with pytest.raises(UnsuitableDatabase, match="newer"):
        await migrate(as_user(dsn, "updater_owner"))


@pytest.mark.parametrize("what", DENIED)
async def test_the_serving_role_may_not(dsn: str, what: str) -> None:
    db = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(DENIED[what])
    finally:
        await db.close()


async def test_no_password_reaches_a_repr(engine: Engine) -> None:
    assert "swordfish" not in repr(Address("postgresql://x:swordfish@h/db"))
    assert "postgresql" not in repr(engine)
