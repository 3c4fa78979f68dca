"""What the serving role and the reporting role may do, asked of the server."""

from __future__ import annotations

import asyncpg
import pytest

from tests.contract.ledger_rows import a_card, add_cards, write
from tests.parts.servers.postgres import as_superuser
from vault.adapters.engine import Engine

DENIED = {
    "rewrite the trail": "UPDATE audit SET record = ''",
    "shorten the trail": "DELETE FROM audit",
    "empty the trail": "TRUNCATE audit",
    "rewrite a day of the trail": "UPDATE audit_default SET record = ''",
    "read a day past the trail": "DELETE FROM audit_default",
    "rewrite a checkpoint": "UPDATE checkpoints SET body = ''",
    "delete a checkpoint": "DELETE FROM checkpoints",
    "forget a chain": "DELETE FROM chains",
    "change the control row": "UPDATE control SET seal_epoch = 9",
    "lose a key": "DELETE FROM data_keys",
    "make a table": "CREATE TABLE mine (x int)",
    "drop a table": "DROP TABLE cards",
    "change a table": "ALTER TABLE cards ADD COLUMN x int",
    "make an index": "CREATE INDEX mine ON cards (bin)",
    "make a trigger function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "let a report in": "INSERT INTO reporting_tenants VALUES ('vault_app', 'demo')",
    "say another revision": "UPDATE vault_schema_version SET version_num = '0'",
}


@pytest.mark.parametrize("what", DENIED)
async def test_the_serving_role_may_not(dsn: str, what: str) -> None:
    db = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(DENIED[what])
    finally:
        await db.close()


@pytest.fixture
async def report(dsn: str, engine: Engine) -> str:
    """Make two tenants' cards and a reporting role that was given one of the tenants."""
    await add_cards(
        engine, a_card("tok_1"), a_card("tok_2", tenant="other"), a_card("tok_3", tenant="third")
    )
    db = await asyncpg.connect(as_superuser(dsn))
    try:
        if not await db.fetchval("SELECT 1 FROM pg_roles WHERE rolname = 'report_demo'"):
            await db.execute("CREATE ROLE report_demo LOGIN IN ROLE cardvault_reporting")
        await db.execute("INSERT INTO reporting_tenants VALUES ('report_demo', 'demo')")
    finally:
        await db.close()
    return dsn.replace("vault_app@", "report_demo@")


async def test_a_reporting_role_sees_its_tenants_cards_whatever_it_asks(report: str) -> None:
    db = await asyncpg.connect(report)
    try:
        assert [tuple(row) for row in await db.fetch("SELECT tenant, token FROM cards")] == [
            ("demo", "tok_1")
        ]
        other = "SELECT token FROM cards WHERE tenant = 'other' OR true"
        assert [tuple(row) for row in await db.fetch(other)] == [("tok_1",)]
        assert await db.fetchval("SELECT count(*) FROM card_versions") == 0
    finally:
        await db.close()


@pytest.mark.parametrize(
    "what",
    [
        "SELECT sealed FROM cards",
        "SELECT fingerprint FROM cards",
        "SELECT customer FROM cards",
        "SELECT metadata FROM cards",
        "SELECT sealed FROM card_versions",
        "SELECT * FROM audit",
        "SELECT * FROM data_keys",
        "SELECT * FROM fingerprints",
        "SELECT * FROM requests",
        "SELECT * FROM outbox",
        "UPDATE cards SET status = 'ACTIVE'",
        "INSERT INTO reporting_tenants VALUES ('report_demo', 'other')",
        "CREATE TABLE mine (x int)",
        "SET ROLE cardvault_serving",
    ],
)
async def test_a_reporting_role_may_not(report: str, what: str) -> None:
    db = await asyncpg.connect(report)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(what)
    finally:
        await db.close()


async def test_a_reporting_role_that_nobody_gave_a_tenant_sees_nothing(
    dsn: str, report: str
) -> None:
    admin = await asyncpg.connect(as_superuser(dsn))
    await admin.execute("DELETE FROM reporting_tenants")
    await admin.close()
    db = await asyncpg.connect(report)
    try:
        assert await db.fetchval("SELECT count(*) FROM cards") == 0
    finally:
        await db.close()


async def test_the_serving_role_does_what_it_is_for(engine: Engine) -> None:
    await write(engine)
    assert await engine.housekeeping.purge_requests(1, 1) == 0
    assert await engine.housekeeping.purge_answers(1, 1) == 0
