"""A commit that waits for a standby: whoever ends the wait, it is in doubt, never a success.

The standby never comes, so each commit is durable on this server alone until the wait is called
off: the very state in which a cancel makes PostgreSQL say that all went well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.doubles.vault_ledger import add, kinds, records, running
from tests.parts.servers.postgres import PostgresServer, as_superuser, postgres_server
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres


@pytest.fixture(scope="module")
def alone() -> Iterator[PostgresServer]:
    """Run a server of this module's own: its commits will hang."""
    with postgres_server() as server:
        yield server


class Standby:
    """The setting that makes commits wait, and who waits."""

    def __init__(self, admin: asyncpg.Connection) -> None:
        self._admin = admin

    async def expect(self) -> None:
        """Make every commit from now on wait for a standby that is not there."""
        await self._admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        await self._reload("nobody")

    async def give_up(self) -> None:
        """Let commits end again."""
        await self._admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await self._reload("")

    async def waiting(self) -> list[int]:
        """Return the backends that wait for the standby, once there is one."""
        asked = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        async with asyncio.timeout(10):
            while True:
                found = [row[0] for row in await self._admin.fetch(asked)]
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def end(self, how: str, pids: list[int]) -> None:
        """Cancel or terminate backends."""
        for pid in pids:
            await self._admin.execute(f"SELECT {how}({pid})")

    async def _reload(self, expected: str) -> None:
        await self._admin.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(10):
            shown = "SHOW synchronous_standby_names"
            while await self._admin.fetchval(shown) != expected:  # noqa: ASYNC110 - on the server
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # the other backends read it as well


@pytest.fixture
async def standby(alone_dsn: str) -> AsyncIterator[Standby]:
    admin = await asyncpg.connect(
        as_superuser(alone_dsn), server_settings={"synchronous_commit": "local"}
    )
    made = Standby(admin)
    yield made
    await made.give_up()
    await admin.close()


@pytest.fixture
async def alone_dsn(alone: PostgresServer) -> str:
    return await alone.database()


@pytest.fixture
async def patient(alone_dsn: str) -> AsyncIterator[Engine]:
    async with open_postgres(Address(alone_dsn, flush_s=30)) as opened:
        yield opened


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_a_wait_that_somebody_ends_is_in_doubt(
    patient: Engine, standby: Standby, how: str
) -> None:
    async with running(patient) as ledger:
        assert kinds(await ledger.apply([add(1)])) == ["Applied"]
        await standby.expect()
        call = asyncio.create_task(ledger.apply([add(2, request_id="r")]))
        await standby.end(how, await standby.waiting())
        assert kinds(await call) == ["InDoubt"]
        await standby.give_up()
        assert kinds(await ledger.apply([add(2, request_id="r")])) == ["Replayed"]
    assert len(await records(patient)) == 2


async def test_a_wait_that_lasts_too_long_is_in_doubt_and_goes_on(
    alone_dsn: str, standby: Standby
) -> None:
    async with open_postgres(Address(alone_dsn, flush_s=0.5)) as hasty, running(hasty) as ledger:
        assert kinds(await ledger.apply([add(1)])) == ["Applied"]
        await standby.expect()
        assert kinds(await ledger.apply([add(2, request_id="r")])) == ["InDoubt"]
        assert len(await standby.waiting()) >= 1  # dropped by us, and not cancelled there
        await standby.give_up()
        for _attempt in range(20):
            (kind,) = kinds(await ledger.apply([add(2, request_id="r")]))
            if kind == "Replayed":
                break
            await asyncio.sleep(0.1)
        assert kind == "Replayed"
    assert len(await records_of(alone_dsn)) == 2


async def records_of(dsn: str) -> list[object]:
    """Read the trail with a store of its own."""
    async with open_postgres(Address(dsn)) as engine:
        return list(await records(engine))
