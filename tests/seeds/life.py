"""One life of a vault's process: the parts of `vault.wiring.core`, over doubles of what is outside.

What `make_core` takes from settings is short here, so that it happens within a minute; its random
bytes are the seed's. How the parts run and how they stop is the wiring's own `working`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from chassis.endings import leaves
from chassis.events.partition import RelayLimits
from chassis.events.relay import EventRelay
from tests.doubles.vault_ledger import encode_event
from tests.seeds.bus import Bus
from tests.seeds.connection import Connection
from tests.seeds.database import CHAIN_LEASE_S, Database
from tests.seeds.kms import KmsClient, SharedKms
from tests.seeds.loop import Actor, SeededLoop
from tests.seeds.outbox import Holdings, SharedOutbox
from tests.seeds.promises import Findings, Promise
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.crypto.checkpoints import CheckpointKey
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Outcome
from vault.domain.reasons import VaultError
from vault.usecases.chain_reaping import Reaper
from vault.usecases.chain_start import new_chain_id, start_chain
from vault.usecases.checkpointer import Checkpointer, Pace, checkpoint_keys
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring, KeyLimits
from vault.usecases.ledger.ledger import GroupCommitLedger, Limits
from vault.usecases.ports import StoreBroken, StoreError
from vault.usecases.refusals import RefusalAudit
from vault.usecases.sweeper import Sweeper, SweepLimits
from vault.wiring.core import Core, working

KEYS: Final = KeyLimits(tenants=3, max_age_s=4.0, tick_s=0.9)
SWEEP: Final = SweepLimits(interval_s=7.0, batch=20, batches=3, pause_s=0.01)
PACE: Final = Pace(interval_s=2.5, records=25)
RELAY: Final = RelayLimits(
    batch=12, idle_s=0.7, last_retry_s=2.0, poison_retry_s=3.0, backlog_s=30.0
)
FLUSHES: Final = Limits(queue_entries=60, flush_entries=8)
_EPOCH_US: Final = 1_760_000_000_000_000


@dataclass
class WallClock:
    """What the host's clock says; `latest` is the furthest that any of them has ever been."""

    loop: SeededLoop
    jumped_us: int = 0
    latest: int = 0

    def us(self, skew_us: int = 0) -> int:
        now = _EPOCH_US + int(self.loop.time() * 1e6) + self.jumped_us + skew_us
        self.latest = max(self.latest, now)
        return now


@dataclass
class OwnClock:
    """One process's clock: the wall's, with an error of its own."""

    wall: WallClock
    skew_us: int = 0

    def now_us(self) -> int:
        return self.wall.us(self.skew_us)

    def monotonic(self) -> float:
        return self.wall.loop.time()


@dataclass
class Surroundings:
    """What all processes share."""

    loop: SeededLoop
    chance: Random
    findings: Findings
    database: Database
    holdings: Holdings
    kms: SharedKms
    bus: Bus
    wall: WallClock


@dataclass(eq=False)
class Life:
    """One process from its start to its end. Ask it through `send`; it may be gone."""

    around: Surroundings
    name: str
    skew_us: int = 0
    actor: Actor = field(init=False)
    core: Core | None = None
    chain: str = ""
    serving: bool = False
    ended: bool = False
    dropped_at: float = 0.0
    resumed: float = 0.0  # when a pause was over
    kms: KmsClient = field(init=False)
    public: list[CheckpointKey] = field(default_factory=list)
    calls: dict[asyncio.Future[Any], None] = field(default_factory=dict)  # that wait for a reply

    def __post_init__(self) -> None:
        self.actor = Actor(self.name)
        self.kms = KmsClient(self.around.kms)
        self.clock = OwnClock(self.around.wall, self.skew_us)
        self._leave = asyncio.Event()
        loop = self.around.loop
        self.task = loop.create_task(self._live(), context=self.actor.context)

    def __repr__(self) -> str:
        return self.name

    @property
    def gone(self) -> bool:
        return self.ended or self.actor.dead

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.around.loop.kill(self.actor)
        self.serving = False
        self.hang_up()

    def stop(self) -> None:
        """Ask it to end in good order."""
        self.serving = False
        self.kms.leaving = True
        self.around.loop.call_soon(self._leave.set, context=self.actor.context)

    def hang_up(self) -> None:
        """Break all connections: whoever waits hears of it, and of nothing else."""
        for reply in list(self.calls):
            self.around.loop.later(0.01, _breaks, reply)

    def drop_keys(self) -> None:
        """Have it forget its keys, as a seal or a revocation does."""
        self.around.loop.call_soon(self._drop, context=self.actor.context)

    def _drop(self) -> None:
        if self.core is not None:
            self.core.keyring.drop()
            self.kms.dropped()
            self.dropped_at = self.around.loop.time()

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Apply entries; only in a task of this process."""
        assert self.core is not None
        return await self.core.ledger.apply(entries)

    async def refuse(self, caller: Caller, note: Note) -> None:
        """Record a refused call; only in a task of this process."""
        assert self.core is not None
        await self.core.refusals.refused(caller, note)

    async def _live(self) -> None:
        try:
            self.core = await self._make()
            async with working(self.core, (self._keep_lease(),)):
                self.serving = True
                await self._leave.wait()
            await self._say_goodbye()
        except* (StoreError, VaultError) as group:
            self._note_end(group)
        except* Exception as group:  # noqa: BLE001 - whatever it is, it is the finding
            self._not_that(group.exceptions[0])
        finally:
            self.serving = False
            self.ended = True
            self.hang_up()

    def _note_end(self, group: BaseExceptionGroup[BaseException]) -> None:
        """Say why it ended: at its start a store or a KMS may be away; later only its chain."""
        for error in leaves(group):
            if self.core is not None and not isinstance(error, StoreBroken):
                self._not_that(error)

    def _not_that(self, error: BaseException) -> None:
        first = next(iter(leaves(error)))
        what = f"{self.name} ended by {type(first).__name__}"
        self.around.findings.broken(Promise.LIVES, what)

    async def _make(self) -> Core:
        around, now_us = self.around, self.clock.now_us
        draw = around.chance.randbytes
        outbox = SharedOutbox(around.database, around.holdings, self.name)
        self.connection = Connection(around.database, outbox, self)
        engine = self.connection.engine
        maker = KeyMaker(engine.keys, self.kms, now_us, draw)
        keyring = CachedKeyring(maker, self.clock, KEYS, around.chance.random)
        chain = new_chain_id(now_us(), draw)
        signing = await checkpoint_keys(maker)
        self.public += signing
        checkpointer = Checkpointer(engine.audit, signing, now_us, PACE)
        self.chain = chain
        await checkpointer.resume(await start_chain(engine.store, engine.audit, chain, now_us))
        ledger = GroupCommitLedger(
            store=engine.store,
            reader=engine.reader,
            keyring=keyring,
            decider=Decider(encode_event),
            chain=chain,
            now_us=now_us,
            limits=FLUSHES,
            random=draw,
            committed=checkpointer.committed,
        )
        return Core(
            engine=engine,
            kms=self.kms,
            keyring=keyring,
            checkpointer=checkpointer,
            ledger=ledger,
            refusals=RefusalAudit(ledger, self.clock),
            sweeper=Sweeper(ledger, engine.housekeeping, now_us, SWEEP),
            reaper=Reaper(
                ledger, engine.audit, checkpointer, chain, self.clock, around.chance.random
            ),
            relay=EventRelay(engine.outbox, around.bus, self.clock, limits=RELAY),
            codes=MemorySecurityCodes(self.clock),
            redis=None,
        )

    async def _keep_lease(self) -> None:
        """Renew the chain's lease, as `vault.adapters.postgres.lease` does."""
        while True:
            await asyncio.sleep(CHAIN_LEASE_S / 3)
            with suppress(StoreError):
                await self.connection.audit.renew(self.chain)

    async def _say_goodbye(self) -> None:
        with suppress(StoreError):
            await self.connection.audit.renew(self.chain, 0)


def _breaks(reply: asyncio.Future[Any]) -> None:
    if not reply.done():
        reply.set_result(None)
