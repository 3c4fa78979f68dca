"""The vault's composition root: every part is made here, in the order in which it is needed.

Start: telemetry → policy and certificates → store → keys → audit chain → ledger → handlers →
transport. Stop, in reverse: NOT_SERVING → drain → refusals → last audit record → ledger → last
checkpoint → store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from chassis.clock import Clock, SystemClock
from chassis.door import open_certificates, open_policy
from chassis.grpc_transport import GrpcOptions, GrpcServer, serving
from chassis.guard import Guard
from chassis.identity import Identity
from chassis.limits import CallLimits, InFlight
from chassis.metrics import ChassisMetrics
from chassis.ops import Probes, serving_ops
from chassis.policy_file import PolicyFile
from chassis.pulse import Pulse
from chassis.validation import Validation
from vault.adapters.engine import Engine
from vault.adapters.file_events import FileEventSink
from vault.adapters.kms.open import open_kms
from vault.adapters.memory.ports import open_memory
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_codes
from vault.adapters.sqlite.open import open_sqlite
from vault.config import VaultConfig
from vault.crypto.keys import KeyPurpose
from vault.crypto.mac import MacKey
from vault.domain.intents import Caller, Note
from vault.metrics import register
from vault.rpc.audits import AuditHandlers
from vault.rpc.calls import Desk
from vault.rpc.cards import CardHandlers
from vault.rpc.changes import ChangeHandlers
from vault.rpc.credentials import CredentialHandlers
from vault.rpc.errors import translate
from vault.rpc.events_out import encode_event, no_event
from vault.rpc.reveals import RevealHandlers
from vault.rpc.routes import VOCABULARY, Handlers, routes
from vault.rpc.tokenize import TokenizeHandlers
from vault.telemetry import readings
from vault.usecases.chain_start import new_chain_id, start_chain, stop_entry
from vault.usecases.checkpointer import Checkpointer, checkpoint_keys
from vault.usecases.codes import CodeVault
from vault.usecases.decide.context import Rules
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ledger.phases import NO_PHASES, Phases
from vault.usecases.ports import Kms, SecurityCodes, StoreBroken
from vault.usecases.refusals import RefusalAudit
from vault.usecases.relay import Relay
from vault.usecases.sweeper import Sweeper, SweepLimits

_log = structlog.get_logger("vault")


@dataclass(frozen=True, slots=True)
class RunningVault:
    """A vault that serves."""

    server: GrpcServer
    ops_port: int
    ledger: GroupCommitLedger
    sweeper: Sweeper
    engine: Engine


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
    relay: Relay | None
    codes: SecurityCodes
    redis: Breaker | None


@dataclass(frozen=True, slots=True)
class Seams:
    """Where fault tests and `make bench` reach into a running vault; nothing else passes one."""

    phases: Phases = NO_PHASES  # told at each phase of a flush
    vfs: str | None = None  # a file layer under SQLite, by name
    unguarded: Sequence[grpc.GenericRpcHandler] = ()  # methods on the API's port without any check


@asynccontextmanager
async def running_vault(
    config: VaultConfig,
    *,
    clock: Clock | None = None,
    metrics: ChassisMetrics | None = None,
    seams: Seams = Seams(),
) -> AsyncIterator[RunningVault]:
    """Serve until the block is left. Raises what keeps a vault from starting.

    A store that breaks while serving ends the block with its StoreBroken, in an exception group.
    """
    clock = clock or SystemClock()
    metrics = metrics or ChassisMetrics()
    policy = open_policy(config.policy, VOCABULARY, metrics)
    certificates = open_certificates(config.tls, metrics)
    pulse = Pulse(metrics.loop_lag.set)
    async with AsyncExitStack() as stack:
        fault: asyncio.Future[StoreBroken] = asyncio.get_running_loop().create_future()
        engine = await stack.enter_async_context(_engine(config, fault, seams.vfs))
        kms = await stack.enter_async_context(open_kms(config.kms))
        breaker = None if config.redis is None else Breaker(clock)
        codes = await stack.enter_async_context(_codes(config, engine, kms, clock, breaker))
        core = await _core(config, engine, kms, clock, seams.phases, codes, breaker)
        register(metrics.registry, readings(core))
        validation = Validation()
        guard = _guard(config, clock, metrics, policy, validation, core)
        guarded = [guard.wrap(route) for route in routes(_handlers(core, clock, validation))]
        async with _background(core, (policy.watch(), pulse.run(), _until_broken(fault))):
            missing: list[str] = ["starting"]
            probes = Probes(metrics.registry, pulse.age, lambda: tuple(missing))
            ops_port = stack.enter_context(serving_ops(config.ops_listen, probes))
            options = GrpcOptions(
                listen=config.listen,
                health_listen=config.health_listen,
                drain=config.drain_timeout,
                reflection=config.development,
            )
            async with serving(
                guarded,
                certificates.credentials(),
                options,
                on_unknown_method=metrics.unknown_method,
                unguarded=seams.unguarded,
            ) as server:
                missing.clear()
                await server.set_serving(True)
                _log.info("serving", port=server.port)
                yield RunningVault(server, ops_port, core.ledger, core.sweeper, engine)
                missing.append("draining")
                await server.set_serving(False)
                await asyncio.sleep(config.endpoint_delay.total_seconds())
        _log.info("stopped")


@asynccontextmanager
async def _engine(
    config: VaultConfig, fault: asyncio.Future[StoreBroken], vfs: str | None
) -> AsyncIterator[Engine]:
    path, address = config.sqlite_path, config.postgres
    if address is not None:
        # A production extra: an embedded vault needs no driver.
        from vault.adapters.postgres.open import open_postgres  # noqa: PLC0415

        async with open_postgres(address) as engine:
            yield engine
    elif path is None:
        async with open_memory() as engine:
            yield engine
    else:

        def broken(error: StoreBroken) -> None:
            if not fault.done():
                fault.set_result(error)

        async with open_sqlite(path, broken=broken, vfs=vfs) as engine:
            yield engine


@asynccontextmanager
async def _codes(
    config: VaultConfig, engine: Engine, kms: Kms, clock: Clock, breaker: Breaker | None
) -> AsyncIterator[SecurityCodes]:
    if config.redis is None or breaker is None:
        yield MemorySecurityCodes(clock)
        return
    maker = KeyMaker(engine.keys, kms, clock.now_us)
    (row, secret), *_older = await maker.unwrapped("", [KeyPurpose.CODE_NAME])
    async with open_codes(config.redis, breaker, MacKey(row.key_id, secret)) as codes:
        yield codes


async def _until_broken(fault: asyncio.Future[StoreBroken]) -> None:
    """Raise what broke the store, whoever met it: a flush, a read or a checkpoint."""
    raise await fault


async def _core(
    config: VaultConfig,
    engine: Engine,
    kms: Kms,
    clock: Clock,
    phases: Phases,
    codes: SecurityCodes,
    breaker: Breaker | None,
) -> Core:
    """Make keys, chain and ledger over an opened store; the chain's first record is durable."""
    maker = KeyMaker(engine.keys, kms, clock.now_us)
    keyring = CachedKeyring(maker, clock)
    chain = new_chain_id(clock.now_us())
    checkpointer = Checkpointer(engine.audit, await checkpoint_keys(maker), clock.now_us)
    await checkpointer.resume(await start_chain(engine.store, engine.audit, chain, clock.now_us))
    events = config.events_path
    rules = Rules(
        superseded_retention_us=int(config.superseded_retention.total_seconds() * 1e6),
        closed_or_contact_closes=config.closed_or_contact_closes,
    )
    ledger = GroupCommitLedger(
        store=engine.store,
        reader=engine.reader,
        keyring=keyring,
        decider=Decider(encode_event if events else no_event, rules),
        chain=chain,
        now_us=clock.now_us,
        committed=checkpointer.committed,
        phases=phases,
    )
    sweep = SweepLimits(
        interval_s=config.sweep_interval.total_seconds(),
        request_age_us=int(config.request_retention.total_seconds() * 1e6),
    )
    return Core(
        engine=engine,
        kms=kms,
        keyring=keyring,
        checkpointer=checkpointer,
        ledger=ledger,
        refusals=RefusalAudit(ledger, clock),
        sweeper=Sweeper(ledger, engine.housekeeping, clock.now_us, sweep),
        relay=Relay(engine.outbox, FileEventSink(events), clock) if events else None,
        codes=codes,
        redis=breaker,
    )


@asynccontextmanager
async def _background(
    core: Core, more: tuple[Coroutine[Any, Any, None], ...]
) -> AsyncIterator[None]:
    """Run what works beside the calls; on the way out the ledger's last flush comes last."""
    async with asyncio.TaskGroup() as tasks:
        ledger = tasks.create_task(core.ledger.run())
        checkpoints = tasks.create_task(core.checkpointer.run())
        endless = [core.refusals.run(), core.sweeper.run(), core.keyring.run(), *more]
        if core.relay is not None:
            endless.append(core.relay.run())
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


def _guard(
    config: VaultConfig,
    clock: Clock,
    metrics: ChassisMetrics,
    policy: PolicyFile,
    validation: Validation,
    core: Core,
) -> Guard:
    in_flight = InFlight(config.max_in_flight)
    metrics.watch_in_flight(lambda: in_flight.now)

    async def refused(
        identity: Identity | None, method: str, tenant: str, reason: str, origin: str
    ) -> None:
        """Audit a call that was turned away at the door, in the trail of its own tenant."""
        principal = identity.principal if identity else "(unknown)"
        if identity is None or tenant not in identity.tenants:
            # Never under the name that was asked for: whoever asks would make that tenant's keys.
            tenant = identity.tenants[0] if identity and identity.tenants else ""
        name = reason.removeprefix("ERROR_REASON_")
        await core.refusals.refused(
            Caller(tenant, principal, origin), Note(method, "refused", name)
        )

    return Guard(
        identify=policy.identify,
        validation=validation,
        clock=clock,
        metrics=metrics,
        translate=translate,
        on_refused=refused,
        limits=CallLimits(
            in_flight=config.max_in_flight,
            deadline=config.default_deadline,
            stream_deadline=config.stream_deadline,
        ),
        in_flight=in_flight,
    )


def _handlers(core: Core, clock: Clock, validation: Validation) -> Handlers:
    desk = Desk(core.ledger, clock, core.refusals.refused)
    codes = CodeVault(core.codes, core.keyring)
    reader, keyring = core.engine.reader, core.keyring
    return Handlers(
        tokenize=TokenizeHandlers(desk, codes, validation),
        cards=CardHandlers(desk, reader, keyring),
        changes=ChangeHandlers(desk, codes),
        reveals=RevealHandlers(desk, codes),
        credentials=CredentialHandlers(desk, reader, keyring, validation),
        audits=AuditHandlers(desk, core.engine.audit, keyring),
    )
