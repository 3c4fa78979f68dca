"""The updater's composition root: everything is built here, in order, and closed in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from chassis.channel import open_channel
from chassis.clock import SystemClock
from chassis.door import open_certificates, open_guard, open_policy
from chassis.events.open import open_sink
from chassis.events.readings import RelayMetrics
from chassis.events.relay import PASSING, EventRelay
from chassis.failures import describe
from chassis.fault import Fault
from chassis.grpc_transport import serving
from chassis.identity import Identity
from chassis.metrics import ChassisMetrics
from chassis.ops import Probes, serving_ops
from chassis.pulse import Pulse
from chassis.tracing.open import Tracing, open_tracing
from chassis.transport import GrpcOptions, Server
from chassis.validation import Validation
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.exchange_on_duty import ExchangeOnDuty
from updater.adapters.marks import load_marks
from updater.adapters.openpgp import load_cipher
from updater.adapters.vault_client import VaultClient
from updater.config import UpdaterConfig
from updater.doctor.promises import check_promises
from updater.domain.enrolment import AskingPolicy
from updater.domain.errors import StorageFull, StoreBroken, StoreUnavailable, UpdaterError
from updater.domain.mapping import CYBERSOURCE
from updater.metrics import UpdaterMetrics
from updater.rpc.errors import translate
from updater.rpc.events_out import EVENTS
from updater.rpc.feed_service import FeedHandlers
from updater.rpc.pages import Pages
from updater.rpc.routes import VOCABULARY, routes
from updater.rpc.updater_service import UpdaterHandlers
from updater.stores import open_engine
from updater.usecases.assembly import Ports, Updater, assemble
from updater.usecases.choose import Channel
from updater.usecases.cycle import CycleReport
from updater.usecases.duty import work_while_on_duty
from updater.usecases.ports import Clock
from updater.usecases.worker import Worker

_log = structlog.get_logger("updater")


@dataclass(frozen=True, slots=True)
class RunningUpdater:
    """An updater that serves."""

    server: Server
    ops_port: int
    updater: Updater
    worker: Worker


@asynccontextmanager
async def open_updater(
    config: UpdaterConfig,
    clock: Clock | None = None,
    broken: Callable[[StoreBroken], None] = lambda _fault: None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Updater]:
    """Open everything but the server: what `run-once` needs. Raises UpdaterError."""
    async with AsyncExitStack() as stack:
        cipher = load_cipher(config.exchange_keys)
        marks = load_marks(config.exchange_keys)
        await check_promises(config)
        engine = await stack.enter_async_context(open_engine(config, broken))
        traced = () if tracing is None else tracing.client_interceptors()
        channel = open_channel(config.vault_address, config.client_tls, traced)
        await stack.enter_async_context(channel)
        ports = Ports(
            vault=VaultClient(channel),
            cipher=cipher,
            exchange=ExchangeOnDuty(ExchangeDirectory(config.exchange_directory), engine.duty),
            enrolments=engine.enrolments,
            inquiries=engine.inquiries,
            feeds=engine.feeds,
            incidents=engine.incidents,
            marks=marks,
            clock=clock or SystemClock(),
            duty=engine.duty,
            outbox=engine.outbox,
        )
        updater = assemble(
            ports,
            channel_of(config),
            tenants=config.tenants,
            answer_timeout=config.answer_timeout,
            patience=config.patience,
            by_consent=config.enrol_by_consent,
        )
        cycle = replace(updater.cycle, keep_files=config.keep_files)
        yield replace(updater, cycle=cycle)


@asynccontextmanager
async def running_updater(
    config: UpdaterConfig, *, metrics: ChassisMetrics | None = None
) -> AsyncIterator[RunningUpdater]:
    """Serve and work until the block is left. Raises what keeps an updater from starting."""
    metrics = metrics or ChassisMetrics()
    policy = open_policy(config.policy, VOCABULARY, metrics)
    certificates = open_certificates(config.tls, metrics)
    pulse = Pulse(metrics.loop_lag.set)
    counted = UpdaterMetrics(metrics.registry)
    async with AsyncExitStack() as stack:
        tracing = await stack.enter_async_context(open_tracing(config.traces, metrics))
        fault = Fault()
        updater = await stack.enter_async_context(
            open_updater(config, broken=fault.note, tracing=tracing)
        )
        worker = Worker(
            updater.cycle,
            config.ask_interval,
            config.poll_interval,
            on_report=lambda phase, report: _reported(counted, phase, report),
            on_failure=lambda phase, error: _failed(counted, phase, error),
        )
        guard = open_guard(
            config,
            SystemClock(),
            metrics,
            policy,
            Validation(),
            translate=translate,
            on_refused=_refused,
        )
        pages = Pages(updater.ports.marks)
        handlers = UpdaterHandlers(updater, pages, SystemClock(), worker.busy, worker.wake)
        table = routes(handlers, FeedHandlers(updater, pages))
        missing = ["starting"]
        probes = Probes(metrics.registry, pulse.age, lambda: tuple(missing))
        options = GrpcOptions(
            listen=config.listen,
            health_listen=config.health_listen,
            drain=config.drain_timeout,
            reflection=config.development,
        )
        ops_port = stack.enter_context(serving_ops(config.ops_listen, probes))
        server = await stack.enter_async_context(
            serving(
                [guard.wrap(route) for route in table],
                certificates,
                options,
                on_unknown_method=metrics.unknown_method,
                tracing=tracing,
            )
        )
        working = work_while_on_duty(updater.ports.duty, worker.run, partial(_on_duty, counted))
        relaying = _relaying(config, updater.ports, metrics)
        beside = (policy.watch(), pulse.run(), fault.struck())
        async with _background(working, *relaying, *beside):
            missing.clear()
            await server.set_serving(True)
            _log.info("serving", port=server.port)
            yield RunningUpdater(server, ops_port, updater, worker)
            missing.append("draining")
            await server.set_serving(False)
            await asyncio.sleep(config.endpoint_delay.total_seconds())
    _log.info("stopped")


def channel_of(config: UpdaterConfig) -> Channel:
    """Return the one channel as configured."""
    policy = AskingPolicy(
        brands=config.brands, every=config.ask_every, not_again_within=config.not_again_within
    )
    return Channel(
        CYBERSOURCE, policy, config.merchants, config.status_email, config.records_per_file
    )


def _relaying(
    config: UpdaterConfig, ports: Ports, metrics: ChassisMetrics
) -> list[Coroutine[Any, Any, None]]:
    """Return the work of the relay, or none where no events are kept."""
    sink = open_sink(config.events_url, config.kafka, EVENTS)
    if sink is None or ports.outbox is None:
        return []
    passing = (*PASSING, StorageFull, StoreUnavailable)
    relay = EventRelay(ports.outbox, sink, SystemClock(), passing=passing)
    RelayMetrics(relay, "cardvault_updater", metrics.registry)
    return [relay.run()]


@asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def _refused(
    identity: Identity | None, method: str, tenant: str, reason: str, origin: str
) -> None:
    """Log a call that was turned away at the door."""
    principal = identity.principal if identity else "(unknown)"
    _log.warning(
        "refused", method=method, tenant=tenant, principal=principal, reason=reason, origin=origin
    )


def _on_duty(counted: UpdaterMetrics, on_duty: bool) -> None:  # noqa: FBT001 - the change itself
    counted.on_duty.set(on_duty)
    _log.info("works" if on_duty else "stands by")


def _reported(counted: UpdaterMetrics, phase: str, report: CycleReport) -> None:
    counted.count(report)
    for reason in report.trouble:
        _log.warning("step put off", phase=phase, reason=reason)
    for taken, count in report.taken.items():
        _log.info("files", phase=phase, state=taken.value, count=count)


def _failed(counted: UpdaterMetrics, phase: str, error: Exception) -> None:
    counted.failures.inc()
    reason = error.reason.value if isinstance(error, UpdaterError) else "UNEXPECTED"
    with contextlib.suppress(OSError):
        _log.error("step failed", phase=phase, reason=reason, **describe(error))
