"""A vault's process over a database: its ledger, checkpointer and sweeper, without its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from tests.doubles.audit_database import KEY
from tests.doubles.clocks import FakeClock
from tests.doubles.decide_bench import Draws
from tests.doubles.outbox_reading import leases, waiting
from tests.doubles.vault_ledger import WarmKeyring, encode_event
from tests.power.layer import LoggedFiles
from tests.power.reference import Reference
from tests.power.script import Script, Step
from tests.power.twin import Twin, TwinLedger
from vault.adapters.sqlite.database import Database, open_database
from vault.adapters.sqlite.open import engine_over
from vault.crypto.keys import DataKey
from vault.usecases.chain_start import start_chain
from vault.usecases.checkpointer import Checkpointer
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ports import StoreBroken
from vault.usecases.sweeper import Sweeper, SweepLimits

CHECKPOINT_PAGES: Final = 60
FULL: Final = 2
_QUIET_TURNS: Final = 12  # of the event loop without an entry in line or a write under way
_SWEEP: Final = SweepLimits(batch=100_000, pause_s=0)


class World:
    """What outlives a process: the files, the clock, the script, the reference."""

    def __init__(self, seed: str, files: LoggedFiles | None = None) -> None:
        self.files = files
        self.clock = FakeClock()
        self.random = Draws()
        self.script = Script(Random(seed))
        self.reference = Reference()
        self.starts = 0
        self.keys = 0


class Process:
    """One process; see `serving`."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        self.database = database
        self.twin = Twin(engine_over(database), world.reference, world.files)
        self.engine = self.twin.engine()

    async def begin(self, *, anew: bool = True) -> None:
        """Start a chain, which ends the last process's; or go on with that."""
        world = self.world
        world.starts += anew or not world.starts
        chain = f"chn_{world.starts:04d}"
        now_us = world.clock.now_us
        self.checkpointer = Checkpointer(self.engine.audit, [KEY], now_us)
        if anew:
            started = await start_chain(self.engine.store, self.engine.audit, chain, now_us)
            await self.checkpointer.resume(started)
        self.inner = GroupCommitLedger(
            store=self.engine.store,
            reader=self.engine.reader,
            keyring=WarmKeyring(),
            decider=Decider(encode_event),
            chain=chain,
            now_us=now_us,
            random=world.random,
            committed=self.checkpointer.committed,
        )
        self.ledger = TwinLedger(self.inner, self.twin)
        self.sweeper = Sweeper(self.ledger, self.engine.housekeeping, now_us, _SWEEP)
        await self.idle()

    async def do(self, step: Step) -> None:
        """Do a step, and wait until nothing is under way."""
        self.world.clock.advance(0.25)
        if step.entries:
            outcomes = await self.ledger.apply(step.entries)
            self.world.script.hear(step.entries, outcomes)
        else:
            await self.act(step.act)
        await self.idle()

    async def act(self, act: str) -> None:
        """Do something of the vault's own."""
        world = self.world
        if act == "sweep":
            await self.sweeper.sweep()
        elif act == "deliver":
            (lease,) = await leases(self.engine.outbox)
            rows = await waiting(self.engine.outbox, world.script.random.choice((3, 20, 500)))
            await self.twin.deliver(rows, lease)
        elif act == "checkpoint":
            await self.checkpointer.checkpoint()
        elif act == "keys":
            world.keys += 1
            number = world.keys
            key_id = number.to_bytes(8, "big")
            key = DataKey(key_id, f"t-{number}", "record", "ACTIVE", number, "kek", b"w" * 60)
            await self.twin.add_keys([key])
        else:
            world.clock.advance(timedelta(days=world.script.random.choice((1, 1, 45, 190))))

    async def idle(self) -> None:
        """Wait until no flush and no checkpoint of the database is under way."""
        quiet = 0
        while quiet < _QUIET_TURNS:
            busy = self.inner._line.entries or self.twin.writing
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0)
        # Behind whatever the writer thread has to do still; it writes nothing.
        (lease,) = await leases(self.twin.under_test.outbox)
        await self.twin.under_test.outbox.delivered(lease, [])


@asynccontextmanager
async def serving(
    world: World,
    path: Path,
    *,
    vfs: str | None = None,
    pages: int = CHECKPOINT_PAGES,
    synchronous: int = FULL,
    mortal: bool = False,
    anew: bool = True,
    found: Callable[[Process], Awaitable[None]] | None = None,
) -> AsyncIterator[Process]:
    """Run a process; it ends in good order, or, if it is `mortal`, because its store broke.

    Without `anew` it goes on with the last process's audit chain, as no server does. `found` looks
    at what it finds before it writes anything.
    """
    broken: list[StoreBroken] = []
    async with open_database(
        path, vfs=vfs, checkpoint_pages=pages, broken=broken.append
    ) as database:
        if synchronous != FULL:
            await database._writing.run(lambda: database._writer.pragma("synchronous", synchronous))
        process = Process(world, database)
        if found is not None:
            await found(process)
        await process.begin(anew=anew)
        life = asyncio.ensure_future(process.inner.run())
        try:
            yield process
        finally:
            process.inner.close()
            await asyncio.wait([life])
        await asyncio.sleep(0)  # for a checkpoint to say that it broke the store
        ended = life.exception()
        if mortal and broken and (ended is None or _by_the_store(ended)):
            return
        if ended is not None:
            raise ended
        await process.checkpointer.checkpoint()


def _by_the_store(error: BaseException) -> bool:
    return isinstance(error, ExceptionGroup) and error.split(StoreBroken)[1] is None
