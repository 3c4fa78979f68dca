"""The vault's composition root: every part is made here, in the order in which it is needed.

Start: telemetry → policy and certificates → store → keys → audit chain → ledger → handlers →
transport. Stop, in reverse: NOT_SERVING → drain → refusals → last audit record → ledger → last
checkpoint → store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from chassis.clock import Clock, SystemClock
from chassis.door import open_certificates, open_policy
from chassis.fault import Fault
from chassis.grpc_transport import serving
from chassis.metrics import ChassisMetrics
from chassis.ops import Probes
from chassis.pulse import Pulse
from chassis.tracing.open import open_tracing
from chassis.transport import GrpcLimits, GrpcOptions, Server, Transport, Unguarded
from chassis.validation import Validation
from chassis.workers.host import Alone, Host
from chassis.workers.listeners import leave
from vault.adapters.engine import Engine
from vault.adapters.kms.open import open_kms
from vault.adapters.redis.breaker import Breaker
from vault.config import VaultConfig
from vault.metrics import register
from vault.rpc.routes import VOCABULARY, routes
from vault.telemetry import readings, stream_readings
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ledger.phases import NO_PHASES, Phases
from vault.usecases.sweeper import Sweeper
from vault.wiring.core import make_core, working
from vault.wiring.door import make_guard, make_handlers
from vault.wiring.reads import open_masked_reads
from vault.wiring.stores import open_engine, open_security_codes

_log = structlog.get_logger("vault")


@dataclass(frozen=True, slots=True)
class RunningVault:
    """A vault that serves."""

    server: Server
    ops_port: int
    ledger: GroupCommitLedger
    sweeper: Sweeper
    engine: Engine


@dataclass(frozen=True, slots=True)
class Seams:
    """Where fault tests and `make bench` reach into a running vault; nothing else passes one."""

    phases: Phases = NO_PHASES  # told at each phase of a flush
    vfs: str | None = None  # a file layer under SQLite, by name
    unguarded: Unguarded | None = None  # methods on the API's port without any check


@asynccontextmanager
async def running_vault(
    config: VaultConfig,
    *,
    clock: Clock | None = None,
    metrics: ChassisMetrics | None = None,
    host: Host | None = None,
    transport: Transport = serving,
    seams: Seams = Seams(),
) -> AsyncIterator[RunningVault]:
    """Serve until the block is left. Raises what keeps a vault from starting.

    `host` says whether other workers share the port; alone by default. `transport` carries the
    calls. A store that breaks while serving ends the block with its StoreBroken, in an exception
    group.
    """
    clock = clock or SystemClock()
    metrics = metrics or ChassisMetrics()
    host = host or Alone(config.ops_listen)
    policy = open_policy(config.policy, VOCABULARY, metrics)
    certificates = open_certificates(config.tls, metrics)
    pulse = Pulse(metrics.loop_lag.set)
    async with AsyncExitStack() as stack:
        tracing = await stack.enter_async_context(open_tracing(config.traces, metrics))
        fault = Fault()
        engine = await stack.enter_async_context(open_engine(config, fault, seams.vfs))
        kms = await stack.enter_async_context(open_kms(config.kms))
        breaker = None if config.redis is None else Breaker(clock)
        codes = await stack.enter_async_context(
            open_security_codes(config, engine, kms, clock, breaker)
        )
        core = await make_core(config, engine, kms, clock, seams.phases, codes, breaker, tracing)
        masked = await stack.enter_async_context(
            open_masked_reads(config, engine, kms, core.keyring, clock)
        )
        validation = Validation()
        guard = make_guard(config, clock, metrics, policy, validation, core)
        handlers = make_handlers(core, clock, validation, masked.read)
        shown = [*readings(core), *masked.readings, *stream_readings(handlers.credentials.counts)]
        register(metrics.registry, shown)
        guarded = [guard.wrap(route) for route in routes(handlers)]
        beside = (policy.watch(), pulse.run(), fault.struck(), *masked.running())
        async with working(core, beside):
            missing: list[str] = ["starting"]
            probes = Probes(metrics.registry, pulse.age, lambda: tuple(missing))
            ops_port = stack.enter_context(host.serving_ops(probes))
            async with transport(
                guarded,
                certificates,
                grpc_options(config, reuse_port=host.reuse_port),
                on_unknown_method=metrics.unknown_method,
                unguarded=seams.unguarded,
                tracing=tracing,
            ) as server:
                missing.clear()
                await server.set_serving(True)
                _log.info("serving", port=server.port)
                yield RunningVault(server, ops_port, core.ledger, core.sweeper, engine)
                missing.append("draining")
                await server.set_serving(False)
                await host.before_stop(config.endpoint_delay)
                await server.stop(await _left(config, host, server))
        _log.info("stopped")


async def _left(config: VaultConfig, host: Host, server: Server) -> timedelta:
    """Leave the ports, and return how long the calls that are left by then may take."""
    return await leave(
        server.ports, config.drain_timeout, config.connection_age, shared=host.reuse_port
    )


def grpc_options(config: VaultConfig, *, reuse_port: bool) -> GrpcOptions:
    """Return where and how the vault serves."""
    return GrpcOptions(
        listen=config.listen,
        health_listen=config.health_listen,
        drain=config.drain_timeout,
        reuse_port=reuse_port,
        reflection=config.development,
        limits=GrpcLimits(
            connection_age=config.connection_age,
            # What a connection may still take to finish its calls: as long as any call may take.
            connection_age_grace=max(config.stream_deadline, config.default_deadline),
        ),
    )
