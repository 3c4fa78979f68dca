"""The updater through PgBouncer 1.24: `tests/contract/test_updater_feeds.py`, and more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from click.testing import CliRunner

from chassis.doctor.finding import Finding
from tests.contract.test_updater_feeds import *  # noqa: F403 - the tests are the suite's own
from tests.contract.updater_rows import incidents
from tests.parts.servers.pgbouncer import PgBouncer, pgbouncer
from tests.parts.servers.postgres import PostgresServer
from tests.parts.servers.updater_databases import OWNER, UpdaterDatabases, as_user
from tests.parts.updater_postgres.opening import working
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.cli.commands import updater
from updater.config import UpdaterConfig
from updater.doctor.promises import check_promises
from updater.domain.errors import DatabaseTooNew, StandsBy, UpdaterError
from updater.domain.feed import ExceptionKind, Incident

del engine  # noqa: F821 - these run on the one below


@pytest.fixture(scope="module", name="prepared")
def pooler_that_prepares(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """Run the pooler that keeps prepared statements apart."""
    with pgbouncer("pgbouncer-prepared", postgres.port) as running:
        yield running


@pytest.fixture
async def unset(databases: UpdaterDatabases) -> str:
    """Return a database's address past the pooler; its role has nothing of what sessions need."""
    return await databases.migrated()


@pytest.fixture
def past(unset: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return one that `cardvault-updater migrate` has seen once more, with the role there."""
    with monkeypatch.context() as patch:
        patch.setenv("CARDVAULT_UPDATER_DATABASE_URL", as_user(unset, OWNER))
        done = CliRunner().invoke(updater, ["migrate"])
    assert done.exit_code == 0, done.output
    return unset


def through(pooler: PgBouncer, dsn: str, **more: object) -> UpdaterConfig:
    """Return the settings that lead through a pooler."""
    return UpdaterConfig.load(
        database_url=pooler.dsn(dsn), database_pooler="pgbouncer-prepared", **more
    )


def an_incident(subject: str) -> Incident:
    return Incident(ExceptionKind.APPLY_REFUSED, subject, "r", opened_at=1)


def address_of(config: UpdaterConfig) -> Address:
    assert config.postgres is not None
    return config.postgres


@pytest.fixture(name="engine")
async def pooled(prepared: PgBouncer, past: str) -> AsyncIterator[Engine]:
    """Open the updater's store through the pooler, as a piece of work that it has."""
    async with open_postgres(address_of(through(prepared, past))) as opened:
        yield await working(opened)


async def test_a_role_without_the_settings_is_refused_with_what_to_do(
    prepared: PgBouncer, unset: str
) -> None:
    with pytest.raises(DatabaseTooNew, match=r"ALTER ROLE .* SET"):
        async with open_postgres(address_of(through(prepared, unset))):
            pass


async def test_migrate_gives_the_role_what_each_session_needs(past: str) -> None:
    db = await asyncpg.connect(past)
    try:
        for name, value in Address(past, pooler="pgbouncer").settings().items():
            if name != "application_name":
                shown = await db.fetchval("SELECT setting FROM pg_settings WHERE name = $1", name)
                assert (name, shown) == (name, value)
    finally:
        await db.close()


async def test_two_processes_hold_one_lease(prepared: PgBouncer, past: str, engine: Engine) -> None:
    await engine.incidents.open(an_incident("first"))
    async with open_postgres(address_of(through(prepared, past))) as other:
        assert [each.subject for each in await incidents(other)] == ["first"]
        with pytest.raises(StandsBy):
            await other.bench("channel:test").incidents.open(an_incident("second"))


async def test_a_start_in_production_looks_through_the_pooler(
    prepared: PgBouncer, past: str
) -> None:
    """`fsync` is off on this server: that is found, and not that there is no connection."""
    found: list[Finding] = []
    with pytest.raises(UpdaterError, match=r"PG_FSYNC_OFF.*CARDVAULT_UPDATER_DOCTOR=warn"):
        await check_promises(through(prepared, past, environment="production"), found.append)
    warned = through(prepared, past, environment="production", doctor="warn")
    await check_promises(warned, found.append)
    assert "PG_FSYNC_OFF" in {each.rule.id for each in found}
