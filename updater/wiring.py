"""The updater's composition root: everything is built here, in order, and closed in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

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
from chassis.tracing.open import open_tracing
from chassis.transport import GrpcOptions, Server
from chassis.validation import Validation
from updater.config import UpdaterConfig
from updater.domain.errors import StorageFull, StoreUnavailable, UpdaterError
from updater.handling import handlers
from updater.metrics import UpdaterMetrics
from updater.opening import ENROLMENT, open_updater
from updater.rpc.errors import translate
from updater.rpc.events_out import EVENTS
from updater.rpc.routes import VOCABULARY, routes
from updater.usecases.assembly import Ports, Updater
from updater.usecases.duty import work_while_on_duty
from updater.usecases.ports import Duty
from updater.usecases.report import CycleReport
from updater.usecases.worker import EnrolmentWorker, Turns, Worker

_log = structlog.get_logger("updater")


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work: for the enrolments, and for each channel, in the updater's order."""

    updater: Updater
    enrolment: EnrolmentWorker
    channels: Sequence[Worker]

    def wake(self) -> None:
        """Have open inquiries written and sent now, whosever they are."""
        for worker in self.channels:
            worker.wake()

    def running(self, counted: UpdaterMetrics) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the work, each piece done while it is this process's."""
        own = self.updater
        pieces: list[tuple[str, Duty, Worker | EnrolmentWorker]] = [
            (ENROLMENT, own.enrolment.duty, self.enrolment)
        ]
        for desk, worker in zip(own.channels, self.channels, strict=True):
            pieces.append((desk.channel.name, desk.ports.stores.duty, worker))
        return [
            work_while_on_duty(duty, each.run, partial(_on_duty, counted, name), each.turns.busy)
            for name, duty, each in pieces
        ]


@dataclass(frozen=True, slots=True)
class RunningUpdater:
    """An updater that serves."""

    server: Server
    ops_port: int
    updater: Updater
    workers: Workers


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
        workers = _workers(config, updater, counted)
        guard = open_guard(
            config,
            SystemClock(),
            metrics,
            policy,
            Validation(),
            translate=translate,
            on_refused=_refused,
        )
        table = routes(handlers(updater, workers.wake))
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
        relaying = _relaying(config, updater.ports, metrics)
        beside = (policy.watch(), pulse.run(), fault.struck())
        async with _background(*workers.running(counted), *relaying, *beside):
            missing.clear()
            await server.set_serving(True)
            _log.info("serving", port=server.port)
            yield RunningUpdater(server, ops_port, updater, workers)
            missing.append("draining")
            await server.set_serving(False)
            await asyncio.sleep(config.endpoint_delay.total_seconds())
    _log.info("stopped")


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


def _workers(config: UpdaterConfig, updater: Updater, counted: UpdaterMetrics) -> Workers:
    """Return who does the work: one for each channel, and one for the enrolments."""

    def turns(work: str) -> Turns:
        return Turns(
            on_report=lambda phase, report: _reported(counted, work, phase, report),
            on_failure=lambda phase, error: _failed(counted, work, phase, error),
        )

    channels = tuple(
        Worker(each.cycle, config.ask_interval, config.poll_interval, turns(each.channel.name))
        for each in updater.channels
    )
    told = tuple(each.enrolled for each in channels)
    enrolment = EnrolmentWorker(
        updater.enrolment.enrolling, config.ask_interval, turns(ENROLMENT), told
    )
    return Workers(updater, enrolment, channels)


def _on_duty(counted: UpdaterMetrics, work: str, on_duty: bool) -> None:  # noqa: FBT001 - the change itself
    counted.on_duty.labels(work).set(on_duty)
    _log.info("works" if on_duty else "stands by", channel=work)


def _reported(counted: UpdaterMetrics, work: str, phase: str, report: CycleReport) -> None:
    counted.count(work, report)
    for reason in report.trouble:
        _log.warning("step put off", channel=work, phase=phase, reason=reason)
    for taken, count in report.taken.items():
        _log.info("files", channel=work, phase=phase, state=taken.value, count=count)


def _failed(counted: UpdaterMetrics, work: str, phase: str, error: Exception) -> None:
    counted.failures.labels(work).inc()
    reason = error.reason.value if isinstance(error, UpdaterError) else "UNEXPECTED"
    with contextlib.suppress(OSError):
        _log.error("step failed", channel=work, phase=phase, reason=reason, **describe(error))
