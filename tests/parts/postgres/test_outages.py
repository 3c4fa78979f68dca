"""An outage longer than leases last: all are over when the database is back, and nobody dies."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import asyncpg

from chassis.clock import SystemClock
from chassis.postgres.sql import NOW
from tests.contract.ledger_rows import write
from tests.doubles.postgres_cutter import cutter
from tests.doubles.vault_ledger import WarmKeyring
from tests.parts.servers.postgres import PostgresServer, as_superuser
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.lease import INTERVAL_S
from vault.adapters.postgres.open import open_postgres
from vault.adapters.postgres.store import PostgresStore
from vault.crypto.checkpoints import CheckpointKey
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Applied
from vault.usecases.chain_reaping import Reaper
from vault.usecases.chain_start import new_chain_id, start_chain
from vault.usecases.checkpointer import Checkpointer
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger

PROCESSES: Final = 4
DEAD: Final = "chn_dead"
LOOK_S: Final = 0.5


class Hurried(SystemClock):
    """Twice as fast: reapers have half the patience that is theirs."""

    def monotonic(self) -> float:
        return 2 * super().monotonic()


class Process:
    """An idle process: what renews its lease, and what ends the chains of others."""

    def __init__(self) -> None:
        self.chain: Final = new_chain_id(SystemClock().now_us())

    async def serve(self, address: Address, stack: AsyncExitStack) -> None:
        """Begin, until the stack is left."""
        clock = Hurried()
        engine = await stack.enter_async_context(open_postgres(address))
        signer = Checkpointer(engine.audit, [CheckpointKey(b"\x05" * 32)], clock.now_us)
        await signer.resume(await start_chain(engine.store, engine.audit, self.chain, clock.now_us))
        self.ledger = GroupCommitLedger(
            store=engine.store,
            reader=engine.reader,
            keyring=WarmKeyring(),
            decider=Decider(lambda _event: None),
            chain=self.chain,
            now_us=clock.now_us,
            committed=signer.committed,
        )
        self.reaper = Reaper(self.ledger, engine.audit, signer, self.chain, clock)

    async def lives(self) -> bool:
        (outcome,) = await self.ledger.apply([Entry(Caller("acme", "app"), Note("x", "ok"))])
        return isinstance(outcome, Applied)


async def _die(dsn: str) -> None:
    """Leave a chain that nobody renews nor gives back."""
    async with open_postgres(Address(dsn)) as engine:
        await write(engine, chain=DEAD)
        assert isinstance(engine.store, PostgresStore)
        engine.store.chains.clear()


async def test_an_outage_longer_than_leases_ends_the_dead_alone(
    dsn: str, postgres: PostgresServer
) -> None:
    admin = await asyncpg.connect(as_superuser(dsn))
    async with cutter(postgres.port) as proxy, AsyncExitStack() as stack:
        behind = dsn.replace(f":{postgres.port}/", f":{proxy.port}/")
        assert behind != dsn
        processes = [Process() for _ in range(PROCESSES)]
        for process in processes:
            await process.serve(Address(behind), stack)
        await _die(dsn)
        async with asyncio.TaskGroup() as tasks:
            for process in processes:
                tasks.create_task(process.ledger.run())
            proxy.refuse()
            proxy.break_all()
            await asyncio.sleep(INTERVAL_S + 1)  # all have found out, and try again and again
            assert [await each.reaper.reap() for each in processes] == [0] * PROCESSES
            assert all(each.reaper.counts.failures for each in processes)
            # As if that had taken 35 s: the longest failover that was measured.
            await admin.execute(f"UPDATE chains SET lease = {NOW} - 20000000")  # noqa: S608
            proxy.accept()
            async with open_postgres(Address(dsn)) as engine:  # who starts now spares all
                started = await start_chain(engine.store, engine.audit, "chn_new", lambda: 1)
                assert started.ended == ()
            async with asyncio.timeout(40):
                while not await admin.fetchval("SELECT ended FROM chains WHERE chain = $1", DEAD):
                    await asyncio.gather(*[each.reaper.reap() for each in processes])
                    await asyncio.sleep(LOOK_S)
            ended = await admin.fetch("SELECT chain FROM chains WHERE ended")
            assert {row[0] for row in ended} <= {DEAD, "chn_new"}
            assert [await each.lives() for each in processes] == [True] * PROCESSES
            for process in processes:
                process.ledger.close()
    await admin.close()
