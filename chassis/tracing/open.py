"""Open traces for as long as a service runs; nothing of a tracing library is loaded otherwise."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import grpc

from chassis import spans
from chassis.call import RawCall
from chassis.events.ports import EventSink
from chassis.events.source import EventSource
from chassis.metrics import ChassisMetrics
from chassis.tracing.sampling import Sampling
from chassis.tracing.settings import TraceSettings, parse_endpoint

if TYPE_CHECKING:
    from chassis.tracing.otel import CallSpans
    from chassis.tracing.outlet import Outlet

EXPORT_S: Final = 5.0
"""How long one batch may take to arrive, with the exporter's own retries."""


class TracingInvalid(Exception):
    """Traces can't be had as the settings say. The text is a rule."""


class _Details(Protocol):
    @property
    def method(self) -> str: ...

    @property
    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]: ...


class Tracing:
    """What wiring takes from here."""

    def __init__(
        self, provider: object, calls: CallSpans, sampling: Sampling, outlet: Outlet
    ) -> None:
        self._provider: Final = provider
        self._calls: Final = calls
        self._sampling: Final = sampling
        self._outlet: Final = outlet

    def server_interceptors(self, methods: Collection[str]) -> Sequence[grpc.aio.ServerInterceptor]:
        """Return what traces calls of these paths ("/package.Service/Method") on grpcio.

        The library's filter is the sampling decision: a call it refuses goes on as if nothing were
        there. Health checks, reflection and methods that nobody serves are never asked about.
        """
        from opentelemetry.instrumentation.grpc import aio_server_interceptor  # noqa: PLC0415

        known, wanted = frozenset(methods), self._sampling.wanted_among

        def sampled(details: _Details) -> bool:
            return details.method in known and wanted(details.invocation_metadata)

        return [aio_server_interceptor(self._provider, sampled)]  # type: ignore[no-untyped-call]

    def client_interceptors(self) -> Sequence[grpc.aio.ClientInterceptor]:
        """Return what traces a client's calls, and tells the server so.

        Those of a sampled call are; of work that nobody called for, a share.
        """
        from opentelemetry.instrumentation.grpc import aio_client_interceptors  # noqa: PLC0415

        def sampled(_details: object) -> bool:
            return spans.current() is not None or self._sampling.wanted(None)

        found: list[grpc.aio.ClientInterceptor] = aio_client_interceptors(  # type: ignore[no-untyped-call]
            self._provider, sampled
        )
        return found

    def call_span(self, method: str, raw: RawCall) -> spans.Span | None:
        """Return a call's span for a transport without interceptors (a guard's `Tracer`)."""
        return self._calls.of_call(method, raw)

    def sink(self, inner: EventSink, source: EventSource, system: str) -> EventSink:
        """Return a sink whose publishing is seen in the traces that its events come from."""
        from chassis.tracing.sink import TracedSink  # noqa: PLC0415

        return TracedSink(inner, source, self._calls, system)

    async def flush(self) -> bool:
        """Send what waits; tell whether it went. For tests and benchmarks."""
        return await asyncio.to_thread(self._outlet.force_flush, 5_000)


@asynccontextmanager
async def open_tracing(
    settings: TraceSettings | None, metrics: ChassisMetrics
) -> AsyncIterator[Tracing | None]:
    """Yield what traces calls, or None where the settings name no receiver.

    Opens no connection before the first span; a receiver that is away costs spans, never calls.
    On the way out what waits is sent, for two seconds at most. Raises TracingInvalid, OSError.
    """
    if settings is None:
        yield None
        return
    try:
        tracing, outlet = _opened(settings, metrics)
    except ImportError:
        raise TracingInvalid("traces need OpenTelemetry: cardvault-server[production]") from None
    try:
        yield tracing
    finally:
        await asyncio.to_thread(outlet.shutdown)


def _opened(settings: TraceSettings, metrics: ChassisMetrics) -> tuple[Tracing, Outlet]:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.propagate import set_global_textmap  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    from chassis.tracing.counts import TraceMetrics  # noqa: PLC0415
    from chassis.tracing.otel import CallSpans, CleanIds, LibraryProvider  # noqa: PLC0415
    from chassis.tracing.outlet import Outlet  # noqa: PLC0415
    from chassis.tracing.wall import Wall  # noqa: PLC0415

    # The library asks for it by this way only. Baggage is not read: a caller's words.
    set_global_textmap(TraceContextTextMapPropagator())
    exporter = OTLPSpanExporter(
        endpoint=settings.endpoint,
        insecure=parse_endpoint(settings.endpoint)[0] == "http",
        credentials=_credentials(settings),
        timeout=EXPORT_S,
    )
    counted = TraceMetrics(metrics.registry)
    outlet = Outlet(Wall(exporter, counted.redacted), counted)
    instance = f"{socket.gethostname()}/{os.getpid()}"
    provider = TracerProvider(
        sampler=ALWAYS_ON,  # whoever starts a span has decided
        resource=Resource({"service.name": settings.service, "service.instance.id": instance}),
        shutdown_on_exit=False,
        id_generator=CleanIds(),
    )
    provider.add_span_processor(outlet)
    tracer = provider.get_tracer("cardvault")
    sampling = Sampling(settings.ratio, settings.most_per_s)
    tracing = Tracing(LibraryProvider(tracer), CallSpans(tracer, sampling), sampling, outlet)
    return tracing, outlet


def _credentials(settings: TraceSettings) -> grpc.ChannelCredentials | None:
    if parse_endpoint(settings.endpoint)[0] == "http":
        return None
    roots = None if settings.ca is None else settings.ca.read_bytes()
    return grpc.ssl_channel_credentials(root_certificates=roots)
