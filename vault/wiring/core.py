"""What works behind the handlers: keys, chain, ledger, and what runs beside the calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from chassis.clock import Clock, UnhurriedClock
from chassis.events.open import open_sink
from chassis.events.relay import EventRelay
from chassis.tracing.open import Tracing
from vault.adapters.engine import Engine
from vault.adapters.redis.breaker import Breaker
from vault.config import VaultConfig
from vault.rpc.events_out import EVENTS, encode_event, no_event
from vault.usecases.chain_reaping import Reaper
from vault.usecases.chain_start import new_chain_id, start_chain, stop_entry
from vault.usecases.checkpointer import Checkpointer, checkpoint_keys
from vault.usecases.decide.context import Rules
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ledger.phases import Phases
from vault.usecases.ports import Kms, SecurityCodes
from vault.usecases.refusals import RefusalAudit
from vault.usecases.sweeper import Sweeper, SweepLimits

_log: Final = structlog.get_logger("vault")


@dataclass(frozen=True, slots=True)
class Core:
    """What works behind the handlers."""

    engine: Engine
    kms: Kms
    keyring: CachedKeyring
    checkpointer: Checkpointer
    ledger: GroupCommitLedger
    refusals: RefusalAudit
    sweeper: Sweeper
    reaper: Reaper | None
    relay: EventRelay | None
    codes: SecurityCodes
    redis: Breaker | None


async def make_core(
    config: VaultConfig,
    engine: Engine,
    kms: Kms,
    clock: Clock,
    phases: Phases,
    codes: SecurityCodes,
    breaker: Breaker | None,
    tracing: Tracing | None,
) -> Core:
    """Make keys, chain and ledger over an opened store; the chain's first record is durable."""
    maker = KeyMaker(engine.keys, kms, clock.now_us)
    keyring = CachedKeyring(maker, clock)
    chain = new_chain_id(clock.now_us())
    checkpointer = Checkpointer(engine.audit, await checkpoint_keys(maker), clock.now_us)
    started = await start_chain(engine.store, engine.audit, chain, clock.now_us)
    # What the sweeper removes is gone: a clock that is set forward by mistake, while the vault runs
    # or before it starts, must not hurry it.
    unhurried = UnhurriedClock(clock, await checkpointer.resume(started))
    sink = open_sink(config.events_url, config.kafka, EVENTS)
    if sink is not None and tracing is not None:
        sink = tracing.sink(sink, EVENTS, "file" if config.kafka is None else "kafka")
    rules = Rules(
        superseded_retention_us=int(config.superseded_retention.total_seconds() * 1e6),
        parked_retention_us=int(config.parked_retention.total_seconds() * 1e6),
        parked_per_day=config.parked_per_day,
        closed_or_contact_closes=config.closed_or_contact_closes,
    )
    ledger = GroupCommitLedger(
        store=engine.store,
        reader=engine.reader,
        keyring=keyring,
        decider=Decider(no_event if sink is None else encode_event, rules),
        chain=chain,
        now_us=unhurried.host_us,
        committed=checkpointer.committed,
        at_fault=_note_fault,
        phases=phases,
    )
    sweep = SweepLimits(
        interval_s=config.sweep_interval.total_seconds(),
        request_age_us=int(config.request_retention.total_seconds() * 1e6),
        answer_age_us=int(config.answer_retention.total_seconds() * 1e6),
    )
    # Where one process at a time has the store, none can be found dead while another serves.
    shared = config.postgres is not None
    return Core(
        engine=engine,
        kms=kms,
        keyring=keyring,
        checkpointer=checkpointer,
        ledger=ledger,
        refusals=RefusalAudit(ledger, clock),
        sweeper=Sweeper(ledger, engine.housekeeping, unhurried.now_us, sweep),
        reaper=Reaper(ledger, engine.audit, checkpointer, chain, clock) if shared else None,
        relay=None if sink is None else EventRelay(engine.outbox, sink, clock),
        codes=codes,
        redis=breaker,
    )


def _note_fault(what: str, kind: str) -> None:
    _log.error("a call was refused for what broke its decision", problem=what, error_type=kind)


@asynccontextmanager
async def working(core: Core, more: tuple[Coroutine[Any, Any, None], ...]) -> AsyncIterator[None]:
    """Run what works beside the calls; on the way out the ledger's last flush comes last."""
    async with asyncio.TaskGroup() as tasks:
        ledger = tasks.create_task(core.ledger.run())
        checkpoints = tasks.create_task(core.checkpointer.run())
        endless = [core.refusals.run(), core.sweeper.run(), core.keyring.run(), *more]
        if core.relay is not None:
            endless.append(core.relay.run())
        if core.reaper is not None:
            endless.append(core.reaper.run())
        running = [tasks.create_task(work) for work in endless]
        yield
        for task in running:
            task.cancel()
        await core.refusals.flush()
        await core.ledger.apply([stop_entry()])
        core.ledger.close()
        await ledger
        core.checkpointer.close()
        await checkpoints
