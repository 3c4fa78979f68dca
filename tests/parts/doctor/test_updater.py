"""The updater's doctor on PostgreSQL: its own tables and role, and the same server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from chassis.doctor.finding import Finding
from chassis.doctor.postgres_subject import look
from chassis.pki import Leaf, ensure_pki
from tests.parts.doctor.servers import Primary
from tests.parts.servers.postgres import PostgresServer
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.migrating import migrate
from updater.adapters.postgres.open import LINKS
from updater.cli.commands import updater
from updater.config import UpdaterConfig
from updater.doctor.promises import check_promises
from updater.doctor.service import examine_updater
from updater.doctor.tables import TABLES
from updater.domain.errors import UpdaterError
from updater.opening import open_updater


async def database(server: PostgresServer, name: str) -> str:
    owner = (await server.empty_database()).replace("vault_owner@", "postgres@")
    await server.admin(f"CREATE ROLE {name} LOGIN")
    await migrate(owner)
    await server.admin(f"GRANT cardvault_updater_serving TO {name}")
    return owner.replace("postgres@", f"{name}@")


@pytest.fixture
async def dsn(primary: Primary) -> AsyncIterator[str]:
    made = await database(primary.server, "updater_app")
    yield made
    await primary.server.admin("DROP ROLE updater_app")


async def looked(dsn: str) -> set[str]:
    found: list[Finding] = list(
        await look(Address(dsn), TABLES, processes=2, timeout_s=10, beside=LINKS)
    )
    return {each.rule.id for each in found}


async def test_a_good_server_has_none(dsn: str) -> None:
    assert await looked(dsn) == {"PG_STANDBY_MANAGER", "NOT_CHECKED"}
    assert "PG_ROLE_SUPERUSER" in await looked(dsn.replace("updater_app@", "postgres@"))


async def test_the_list_of_tables_is_whole(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    rows = await db.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
    )
    await db.close()
    assert {row[0] for row in rows} == {*TABLES.names, TABLES.schema.table}


async def test_a_bad_server_has_its_own(bad: PostgresServer, tmp_path: Path) -> None:
    dsn = await database(bad, "updater_app")
    config = UpdaterConfig.load(database_url=dsn, exchange_keys=tmp_path)
    report = await examine_updater(config)
    found = {each.rule.id for name, each in report.findings if name == "database"}
    assert {"PG_FSYNC_OFF", "PG_SYNCHRONOUS_COMMIT", "PG_DATA_SYNC_RETRY"} <= found
    assert "PG_IDLE_IN_TRANSACTION_TIMEOUT" not in found  # the updater asks for one of its own
    assert report.broken
    for environment, severity in (("development", "risk"), ("production", "broken")):
        given = UpdaterConfig.load(
            environment=environment, database_url=dsn, exchange_keys=tmp_path
        )
        report = await examine_updater(given)
        said = {found.rule.id: found.severity.value for _name, found in report.findings}
        assert said["PG_NO_SYNC_STANDBY"] == severity


def production(dsn: str, **more: object) -> UpdaterConfig:
    return UpdaterConfig.load(environment="production", database_url=dsn, **more)


@pytest.fixture
async def bad_dsn(bad: PostgresServer) -> AsyncIterator[str]:
    made = await database(bad, "updater_bad")
    yield made
    await bad.admin("DROP OWNED BY updater_bad; DROP ROLE updater_bad")


async def test_a_production_start_refuses_a_broken_promise(dsn: str, bad_dsn: str) -> None:
    warned: list[Finding] = []
    await check_promises(production(dsn), warned.append)
    with pytest.raises(UpdaterError, match=r"PG_FSYNC_OFF: .*CARDVAULT_UPDATER_DOCTOR=warn"):
        await check_promises(production(bad_dsn), warned.append)
    with pytest.raises(UpdaterError, match="no connection"):
        await check_promises(production("postgresql://nobody@127.0.0.1:1/x"), warned.append)
    await check_promises(UpdaterConfig.load(database_url=bad_dsn), warned.append)  # development
    assert warned == []
    await check_promises(production(bad_dsn, doctor="warn"), warned.append)
    assert {"PG_FSYNC_OFF", "PG_SYNCHRONOUS_COMMIT"} <= {each.rule.id for each in warned}


async def test_the_updater_asks_when_it_opens_its_database(
    dsn: str, bad_dsn: str, tmp_path: Path
) -> None:
    done = await asyncio.to_thread(CliRunner().invoke, updater, ["init", "--dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    ensure_pki(tmp_path, (Leaf("updater"),), now=datetime.now(UTC))
    places = {
        "exchange_keys": tmp_path / "exchange-keys",
        "exchange_directory": tmp_path / "exchange",
        "tls_ca": tmp_path / "ca.pem",
        "client_certificate": tmp_path / "updater.pem",
        "client_key": tmp_path / "updater.key",
    }
    with pytest.raises(UpdaterError, match="PG_FSYNC_OFF"):
        async with open_updater(production(bad_dsn, **places)):
            pass
    for given in (production(dsn, **places), production(bad_dsn, doctor="warn", **places)):
        async with open_updater(given) as opened:
            assert await opened.ports.stores.feeds.sight("any", []) == []
