"""What sessions must keep behind a pooler: their settings, their time-outs, the truth."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from chassis.store_errors import UnsuitableDatabase
from tests.doubles.postgres_cutter import cutter
from tests.doubles.vault_ledger import add, kinds, records, reveal, running, tokenize
from tests.parts.postgres.hindered import check_held_lock, check_warning
from tests.parts.servers.pgbouncer import SERVER_CONNECTIONS, PgBouncer
from tests.parts.servers.postgres import PostgresServer, as_owner, as_superuser
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.migrating import migrate
from vault.adapters.postgres.open import open_postgres


async def test_many_clients_share_few_sessions(
    direct: str, pooler: PgBouncer, address: Address
) -> None:
    async with AsyncExitStack() as stack:
        ledgers = []
        for name in ("chn_a", "chn_b", "chn_c"):
            engine = await stack.enter_async_context(open_postgres(address))
            ledgers.append(await stack.enter_async_context(running(engine, chain=name)))
        calls = [
            ledgers[at % 3].apply([add(at, customer="anna", request_id=f"r-{at}")])
            for at in range(60)
        ]
        outcomes = [outcome for (outcome,) in await asyncio.gather(*calls)]
        assert set(kinds(outcomes)) == {"Applied"}
        admin = await asyncpg.connect(as_superuser(direct))
        sessions = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = 'vault_app' AND datname = current_database()"
        )
        await admin.close()
        assert 0 < sessions <= SERVER_CONNECTIONS


async def test_a_flush_may_go_to_any_session(address: Address, engine: Engine) -> None:
    """Others hold one session more each time, so it goes to one that has never seen it."""
    async with running(engine) as ledger, AsyncExitStack() as held:
        for at in range(SERVER_CONNECTIONS):
            for again in range(2):
                entry = add(at, request_id=f"r-{at}-{again}", customer="anna")
                assert kinds(await ledger.apply([entry])) == ["Applied"]
            assert await engine.audit.open_chains()
            if at < SERVER_CONNECTIONS - 1:
                holder = await asyncpg.connect(address.dsn, statement_cache_size=0)
                held.push_async_callback(holder.close)
                await holder.execute("BEGIN")


async def test_every_session_plans_as_the_vault_wants(address: Address, engine: Engine) -> None:
    """Held open side by side, so that each is another session of the server."""
    seen = set()
    async with AsyncExitStack() as held:
        for _ in range(SERVER_CONNECTIONS - 1):
            client = await asyncpg.connect(address.dsn, statement_cache_size=0)
            held.push_async_callback(client.close)
            await client.execute("BEGIN")
            row = await client.fetchrow(
                "SELECT pg_backend_pid(), current_setting('enable_seqscan'),"
                " current_setting('lock_timeout'), current_setting('jit')"
            )
            seen.add(row[0])
            assert tuple(row)[1:] == ("off", "2s", "off")
    assert len(seen) == SERVER_CONNECTIONS - 1


async def test_a_lock_that_is_held_too_long_is_no_effect_and_no_doubt(
    direct: str, engine: Engine
) -> None:
    await check_held_lock(engine, direct)


async def test_a_warning_during_a_flush_leaves_it_in_doubt(direct: str, engine: Engine) -> None:
    await check_warning(engine, direct)


async def test_a_role_without_the_settings_is_refused_with_what_to_do(
    postgres: PostgresServer, pooler: PgBouncer
) -> None:
    dsn = await postgres.database()  # migrated before its role was a member
    with pytest.raises(UnsuitableDatabase, match=r"ALTER ROLE .* SET"):
        async with open_postgres(Address(pooler.dsn(dsn), pooler=pooler.pooler)):
            pass


async def test_migrating_past_the_pooler_gives_the_role_what_it_needs(
    postgres: PostgresServer, pooler: PgBouncer
) -> None:
    dsn = await postgres.database()
    await migrate(as_owner(dsn))
    async with (
        open_postgres(Address(pooler.dsn(dsn), pooler=pooler.pooler)) as engine,
        running(engine) as ledger,
    ):
        assert kinds(await ledger.apply([add(1)])) == ["Applied"]


@pytest.mark.parametrize("wrong", ["0", "1h"])
async def test_a_lock_that_might_be_waited_for_longer_is_refused(
    direct: str, pooler: PgBouncer, wrong: str
) -> None:
    admin = await asyncpg.connect(as_superuser(direct))
    name = direct.rpartition("/")[2]
    await admin.execute(f"ALTER ROLE vault_app IN DATABASE {name} SET lock_timeout = '{wrong}'")
    await admin.close()
    with pytest.raises(UnsuitableDatabase, match="lock_timeout"):
        async with open_postgres(Address(pooler.dsn(direct), pooler=pooler.pooler)):
            pass


async def test_settings_that_go_while_it_serves_make_it_unavailable_and_no_worse(
    direct: str, pooler: PgBouncer, engine: Engine
) -> None:
    """They are looked at whenever the vault connects, so a lost connection finds out."""
    async with cutter(pooler.port) as proxy, AsyncExitStack() as stack:
        dsn = pooler.dsn(direct).replace(f":{pooler.port}/", f":{proxy.port}/")
        cut = await stack.enter_async_context(open_postgres(Address(dsn, pooler=pooler.pooler)))
        ledger = await stack.enter_async_context(running(cut))
        (card,) = await tokenize(ledger, add(1))
        admin = await asyncpg.connect(as_superuser(direct))
        name = direct.rpartition("/")[2]
        await admin.execute(f"ALTER ROLE vault_app IN DATABASE {name} RESET ALL")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault_app'"
            " AND datname = current_database()"
        )
        proxy.arm("client", 0, torn=False)
        assert kinds(await ledger.apply([reveal(card.token)])) == ["NotApplied"]
        assert kinds(await ledger.apply([reveal(card.token)])) == ["NotApplied"]
        await migrate(as_owner(direct))
        await asyncio.sleep(2.5)  # sessions that began meanwhile are idle, and end
        assert kinds(await ledger.apply([reveal(card.token)])) == ["Applied"]
        await admin.close()
    assert len(await records(engine)) == 2
