"""Every finding on PostgreSQL, on a server that is really so; none on one that is as it must be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest
from click.testing import CliRunner

from chassis.doctor.finding import Finding
from chassis.doctor.postgres import Wanted, server_findings
from chassis.doctor.postgres_facts import PostgresFacts, Reading, connect, server_facts
from chassis.doctor.postgres_subject import PromiseBroken, broken_promises, look
from chassis.doctor.tables import schema_facts, schema_findings
from chassis.fault import Fault
from tests.parts.doctor.servers import Primary, pooled, synchronous
from tests.parts.servers.postgres import PostgresServer, as_owner, as_superuser
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import LINKS
from vault.cli.doctor import doctor
from vault.config import VaultConfig
from vault.doctor.promises import check_promises
from vault.doctor.tables import TABLES
from vault.wiring.stores import open_engine

# What no query can show, and what this role may not see: on every server with standbys.
ALWAYS = {"PG_STANDBY_MANAGER", "NOT_CHECKED"}


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found}


async def looked(dsn: str, processes: int = 1) -> set[str]:
    return ids(await look(Address(dsn), TABLES, processes=processes, timeout_s=10, beside=LINKS))


@asynccontextmanager
async def changed(dsn: str, *statements: str) -> AsyncIterator[None]:
    """Do something as the superuser, and its opposite at the end: pairs of statements."""
    db = await asyncpg.connect(as_superuser(dsn))
    try:
        for statement in statements[::2]:
            await db.execute(statement)
        try:
            yield
        finally:
            for statement in statements[1::2]:
                await db.execute(statement)
    finally:
        await db.close()


@pytest.fixture(scope="module")
def dsn(primary: Primary) -> str:
    return asyncio.run(primary.server.database())


async def test_a_good_server_has_none(dsn: str) -> None:
    assert await looked(dsn) == ALWAYS
    async with changed(
        dsn, "GRANT pg_read_all_stats TO vault_app", "REVOKE pg_read_all_stats FROM vault_app"
    ):
        assert await looked(dsn) == {"PG_STANDBY_MANAGER"}


async def test_a_bad_server_has_them_all(bad: PostgresServer) -> None:
    assert await looked(await bad.database(), processes=2) == {
        "PG_FSYNC_OFF",
        "PG_FULL_PAGE_WRITES_OFF",
        "PG_SYNCHRONOUS_COMMIT",
        "PG_NO_SYNC_STANDBY",
        "PG_DATA_SYNC_RETRY",
        "PG_DATA_CHECKSUMS_OFF",
        "PG_WAL_LEVEL",
        "PG_CONNECTIONS",
        "PG_STATEMENT_TIMEOUT",
        "PG_IDLE_IN_TRANSACTION_TIMEOUT",
        "PG_IDLE_SESSION_TIMEOUT",
        "PG_AUTOVACUUM_OFF",
    }


ROLE = "ALTER ROLE vault_app"


@pytest.mark.parametrize(
    ("found", "done", "undone"),
    [
        (
            {"PG_SYNCHRONOUS_COMMIT", "PG_SYNCHRONOUS_COMMIT_OVERRIDE"},
            f"{ROLE} SET synchronous_commit = local",
            f"{ROLE} RESET synchronous_commit",
        ),
        (
            {"PG_SYNCHRONOUS_COMMIT_OVERRIDE"},
            "ALTER ROLE vault_owner SET synchronous_commit = off",
            "ALTER ROLE vault_owner RESET synchronous_commit",
        ),
        (
            {"PG_SYNCHRONOUS_COMMIT", "PG_SYNCHRONOUS_COMMIT_OVERRIDE"},
            "ALTER DATABASE {base} SET synchronous_commit = remote_write",
            "ALTER DATABASE {base} RESET synchronous_commit",
        ),
        (
            {"PG_READ_ONLY"},
            f"{ROLE} SET default_transaction_read_only = on",
            f"{ROLE} RESET default_transaction_read_only",
        ),
        (
            {"PG_STATEMENT_TIMEOUT"},
            f"{ROLE} SET statement_timeout = '500ms'",
            f"{ROLE} RESET statement_timeout",
        ),
        ({"PG_CONNECTIONS"}, f"{ROLE} CONNECTION LIMIT 5", f"{ROLE} CONNECTION LIMIT -1"),
        ({"PG_ROLE_BYPASSES_RLS"}, f"{ROLE} BYPASSRLS", f"{ROLE} NOBYPASSRLS"),
        ({"PG_ROLE_POWERS"}, f"{ROLE} REPLICATION", f"{ROLE} NOREPLICATION"),
        (
            {"PG_ROLE_REWRITES_AUDIT"},
            "GRANT DELETE ON audit TO vault_app",
            "REVOKE DELETE ON audit FROM vault_app",
        ),
        (
            {"PG_ROLE_REWRITES_AUDIT"},
            "GRANT UPDATE (record) ON audit_default TO vault_app",
            "REVOKE UPDATE (record) ON audit_default FROM vault_app",
        ),
        (
            {"PG_ROLE_REWRITES_AUDIT"},
            "GRANT pg_write_all_data TO vault_app",
            "REVOKE pg_write_all_data FROM vault_app",
        ),
        (
            {"PG_ROLE_DDL"},
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        ),
        (
            {"PG_ROLE_OWNS_TABLES", "PG_ROLE_DDL"},
            "GRANT vault_owner TO vault_app",
            "REVOKE vault_owner FROM vault_app",
        ),
        (
            {"PG_ROLE_OWNS_TABLES"},
            "ALTER TABLE audit_default OWNER TO vault_app",
            "ALTER TABLE audit_default OWNER TO vault_owner",
        ),
        (
            {"PG_RLS_OFF"},
            "ALTER TABLE cards DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE cards ENABLE ROW LEVEL SECURITY",
        ),
        (
            {"PG_UNLOGGED_TABLES"},
            "ALTER TABLE requests SET UNLOGGED",
            "ALTER TABLE requests SET LOGGED",
        ),
        (
            {"PG_SCHEMA_NEWER"},
            "UPDATE vault_schema_version SET version_num = 'x' || version_num",
            "UPDATE vault_schema_version SET version_num = substr(version_num, 2)",
        ),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else "",
)
async def test_one_thing_wrong(dsn: str, found: set[str], done: str, undone: str) -> None:
    base = urlsplit(dsn).path[1:]
    async with changed(dsn, done.format(base=base), undone.format(base=base)):
        assert await looked(dsn) - ALWAYS == found
    assert await looked(dsn) == ALWAYS


async def test_the_superuser_and_the_owner_do_not_serve(dsn: str) -> None:
    assert await looked(as_superuser(dsn)) >= {"PG_ROLE_SUPERUSER", "PG_ROLE_OWNS_TABLES"}
    assert await looked(as_owner(dsn)) - ALWAYS == {
        "PG_ROLE_OWNS_TABLES",
        "PG_ROLE_DDL",
        "PG_ROLE_POWERS",
    }


async def test_a_database_without_tables(primary: Primary) -> None:
    assert "PG_SCHEMA" in await looked(await primary.server.empty_database())


async def test_a_standby_that_is_not_there(dsn: str, primary: Primary) -> None:
    await primary.server.admin(
        "ALTER SYSTEM SET synchronous_standby_names = 'ANY 2 (second, third)'"
    )
    await primary.server.admin("SELECT pg_reload_conf()")
    try:
        await until(dsn, "PG_SYNC_STANDBY_AWAY")
    finally:
        await synchronous(primary.server)
    assert await looked(dsn) == ALWAYS


async def until(dsn: str, wanted: str) -> None:
    async with asyncio.timeout(20):
        while wanted not in await looked(dsn):  # noqa: ASYNC110 - on the server
            await asyncio.sleep(0.1)


async def facts_of(dsn: str, skew_s: float = 0.0) -> PostgresFacts:
    settings = Address(dsn).settings()
    db = await connect(dsn, settings, 10)
    try:
        return await server_facts(
            Reading(db), dsn, settings, now=lambda: time.time() + skew_s, timeout_s=10
        )
    finally:
        db.terminate()


async def judged(dsn: str, skew_s: float = 0.0, host: str = "") -> set[str]:
    """Look, and judge as if the server were at `host`."""
    shown = dsn.replace("127.0.0.1", host) if host else dsn
    return ids(server_findings(await facts_of(dsn, skew_s), Wanted(1), shown))


async def test_a_clock_that_is_wrong(dsn: str) -> None:
    assert await judged(dsn, skew_s=30.0) - ALWAYS == {"PG_CLOCK_SKEW"}
    assert await judged(dsn, skew_s=-30.0) - ALWAYS == {"PG_CLOCK_SKEW"}
    assert await judged(dsn) == ALWAYS


async def test_tls(dsn: str, primary: Primary) -> None:
    plain, name = f"{dsn}?sslmode=disable", "db.example"
    assert await judged(plain, host=name) - ALWAYS == {"PG_TLS_OFF"}
    assert await judged(f"{dsn}?sslmode=require", host=name) - ALWAYS == {"PG_TLS_UNVERIFIED"}
    verified = f"{dsn}?sslmode=verify-full&sslrootcert={primary.ca}"
    assert await judged(verified, host=name) == ALWAYS
    assert await judged(plain) == ALWAYS  # the same machine


async def test_audit_days(dsn: str) -> None:
    db = await connect(dsn, Address(dsn).settings(), 10)
    today = datetime.now(UTC).date()
    try:
        for days, expected in (
            (0, set()),
            (50, set()),
            (55, {"PG_AUDIT_DAYS"}),
            (99, {"PG_AUDIT_DAYS"}),
        ):
            facts = await schema_facts(Reading(db), TABLES, today + timedelta(days=days))
            assert ids(schema_findings(facts)) == expected, days
    finally:
        db.terminate()


async def test_the_list_of_tables_is_whole(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    rows = await db.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
    )
    await db.close()
    assert {row[0] for row in rows} == {*TABLES.names, TABLES.schema.table}


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_a_pooler_that_drops_what_sessions_ask_for(
    dsn: str, primary: Primary, mode: str
) -> None:
    base = urlsplit(dsn).path
    isolation = "default_transaction_isolation"
    async with changed(dsn, f"{ROLE} SET {isolation} = serializable", f"{ROLE} RESET {isolation}"):
        with pooled(primary.server, mode=mode) as address:
            found = await look(
                Address(address + base), TABLES, processes=1, timeout_s=10, beside=LINKS
            )
    assert ids(found) - ALWAYS == {
        "PG_POOLER",
        "PG_SESSION_SETTINGS",
        "PG_LOCK_TIMEOUT",
        "PG_ISOLATION",
    }
    (pooler,) = [each for each in found if each.rule.id == "PG_POOLER"]
    assert f"in {mode} mode" in pooler.now


async def test_a_role_that_may_see_nothing_is_told_what_was_not_seen(dsn: str) -> None:
    async with changed(dsn, "CREATE ROLE stranger LOGIN", "DROP ROLE stranger"):
        found = await look(
            Address(dsn.replace("vault_app@", "stranger@")),
            TABLES,
            processes=1,
            timeout_s=10,
            beside=LINKS,
        )
    told = [each.now for each in found if each.rule.id == "NOT_CHECKED"]
    assert any(text.startswith("revision: not checked: InsufficientPrivilege") for text in told)
    assert any(text.startswith("standbys: not checked: 1 standbys") for text in told)
    assert "PG_SCHEMA" not in ids(found)


async def test_nobody_answers(dsn: str) -> None:
    port = urlsplit(dsn).port
    nowhere = dsn.replace(f":{port}", ":1").replace("vault_app@", "vault_app:hush@")
    found = await look(Address(nowhere), TABLES, processes=1, timeout_s=2, beside=LINKS)
    assert ids(found) == {"PG_UNREACHABLE"}
    assert "hush" not in str([each.fields() for each in found])


async def test_a_server_that_hangs_takes_no_longer_than_it_is_given(bad: PostgresServer) -> None:
    dsn = await bad.database()
    os.kill(bad.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        found = await look(Address(dsn), TABLES, processes=1, timeout_s=1, beside=LINKS)
        assert ids(found) == {"PG_UNREACHABLE"}
        assert time.monotonic() - begun < 10
    finally:
        os.kill(bad.pid, signal.SIGCONT)


def production(dsn: str, **more: object) -> VaultConfig:
    key = "vault-transit:https://kms.example/transit/cards"
    return VaultConfig.load(environment="production", kms_key=key, database_url=dsn, **more)


async def test_a_production_start_refuses_a_broken_promise(dsn: str, bad: PostgresServer) -> None:
    warned: list[Finding] = []
    await check_promises(production(dsn), warned.append)
    assert warned == []
    bad_dsn = await bad.database()
    with pytest.raises(PromiseBroken, match="PG_FSYNC_OFF: fsync = off"):
        await check_promises(production(bad_dsn), warned.append)
    assert warned == []
    await check_promises(production(bad_dsn, doctor="warn"), warned.append)
    assert ids(warned) == ids(await broken_promises(Address(bad_dsn), TABLES))
    assert {"PG_FSYNC_OFF", "PG_SYNCHRONOUS_COMMIT", "PG_NO_SYNC_STANDBY"} <= ids(warned)
    with pytest.raises(PromiseBroken, match="PG_ROLE_OWNS_TABLES"):
        await check_promises(production(as_owner(dsn)), warned.append)
    await check_promises(VaultConfig.load(database_url=bad_dsn), warned.append)  # development


async def test_the_vault_asks_when_it_opens_its_database(dsn: str, bad: PostgresServer) -> None:
    fault = Fault()
    with pytest.raises(PromiseBroken):
        async with open_engine(production(await bad.database()), fault, None):
            pass
    for given in (production(dsn), production(await bad.database(), doctor="warn")):
        async with open_engine(given, fault, None) as engine:
            assert await engine.audit.open_chains() == []


def test_the_command(bad: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDVAULT_DATABASE_URL", asyncio.run(bad.database()))
    done = CliRunner().invoke(doctor, ["--json", "--processes", "2"])
    assert done.exit_code == 1
    found = {each["id"]: each for each in json.loads(done.output)["findings"]}
    assert found["PG_FSYNC_OFF"]["severity"] == "broken"
    assert found["PG_NO_SYNC_STANDBY"]["severity"] == "risk"  # in development
    assert "parameter group" in found["PG_FSYNC_OFF"]["rds"]
