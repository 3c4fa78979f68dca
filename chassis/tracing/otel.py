"""Spans by the SDK: of calls on grpcio by way of the library, of all else directly; both the same.

Every span made here is exported: whoever starts one has asked `Sampling` before, or works for a
call that is sampled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace import TraceFlags as Flags

from chassis import spans
from chassis.call import RawCall
from chassis.status import Code
from chassis.tracing import names
from chassis.tracing.sampling import HEADER, Sampling, clean, parent_of

_KINDS: Final[Mapping[spans.Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
}
_FAULTS: Final = frozenset(
    {
        *(Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.UNIMPLEMENTED),
        *(Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS),
    }
)
"""Statuses that are the server's fault, by OpenTelemetry's conventions for RPC."""
_MOST_LINKS: Final = 128


class CleanIds(RandomIdGenerator):
    """Random ids that nobody takes for a card number."""

    def generate_trace_id(self) -> int:
        """Return 16 random bytes."""
        while not clean(f"{(found := super().generate_trace_id()):032x}"):
            pass
        return found

    def generate_span_id(self) -> int:
        """Return 8 random bytes."""
        while not clean(f"{(found := super().generate_span_id()):016x}"):
            pass
        return found


class OtelSpan:
    """`chassis.spans.Span` over one of the SDK's."""

    __slots__ = ("_context", "_span", "_tracer")

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer: Final = tracer
        self._span: Final = span
        self._context: Final = span.get_span_context()

    @property
    def trace_id(self) -> str:
        """Return the trace's id."""
        return f"{self._context.trace_id:032x}"

    @property
    def span_id(self) -> str:
        """Return its own id."""
        return f"{self._context.span_id:016x}"

    @property
    def traceparent(self) -> str:
        """Return both as W3C Trace Context writes them."""
        return f"00-{self.trace_id}-{self.span_id}-{self._context.trace_flags:02x}"

    def child(
        self,
        name: str,
        kind: spans.Kind,
        attributes: spans.Attributes,
        links: Sequence[spans.Span] = (),
    ) -> OtelSpan:
        """Begin a piece of this one."""
        found = self._tracer.start_span(
            name,
            context=self.within(),
            kind=_KINDS[kind],
            attributes=attributes,
            links=[Link(each.context) for each in links if isinstance(each, OtelSpan)],
        )
        return OtelSpan(self._tracer, found)

    def link(self, other: spans.Span) -> None:
        """Name another piece of work that this one had a part in."""
        if isinstance(other, OtelSpan):
            self._span.add_link(other.context)

    def answered(self, code: Code) -> None:
        """Take note of a call's status."""
        self._span.set_attribute(names.RPC_STATUS, int(code))
        if code in _FAULTS:
            self._span.set_status(Status(StatusCode.ERROR))

    def failed(self, kind: str) -> None:
        """Take note of a failure: the name of its type."""
        self._span.set_attribute(names.ERROR_TYPE, kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End it."""
        self._span.end()

    @property
    def context(self) -> SpanContext:
        """Return what links name."""
        return self._context

    def within(self) -> Context:
        """Return the SDK's context for what is a part of this span, and of nothing else."""
        return trace.set_span_in_context(self._span, Context())


class _Quiet:
    """What the library holds of a span: it would also record exceptions, with their texts."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span: Final = span

    def set_attribute(self, key: str, value: Any) -> None:
        self._span.set_attribute(key, value)

    def set_status(self, status: Status) -> None:
        self._span.set_status(Status(status.status_code))

    def record_exception(self, exception: BaseException) -> None:
        """Record none."""

    def is_recording(self) -> bool:
        return self._span.is_recording()

    def end(self) -> None:
        self._span.end()


class LibraryTracer(trace.Tracer):
    """The tracer that the library is given: it makes its spans the current ones of this product."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer: Final = tracer

    def start_span(self, name: str, *args: Any, **more: Any) -> trace.Span:
        """Start a span that nobody works in."""
        return self._tracer.start_span(name, *args, **more)

    @contextmanager
    def start_as_current_span(  # type: ignore[override]
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        end_on_exit: bool = True,
        **_judging: bool,
    ) -> Iterator[_Quiet]:
        """Work in a new span: a server's is its caller's, as the library has found it."""
        here = spans.current()
        context: Context | None = None
        if kind is not SpanKind.SERVER:
            context = here.within() if isinstance(here, OtelSpan) else Context()
        span = self._tracer.start_span(name, context=context, kind=kind, attributes=attributes)
        token = attach(trace.set_span_in_context(span))  # which the library hands to the server
        try:
            with spans.entered(OtelSpan(self._tracer, span)):
                yield _Quiet(span)
        except asyncio.CancelledError:
            # The library leaves it at OK.
            span.set_attribute(names.RPC_STATUS, int(Code.CANCELLED))
            raise
        finally:
            detach(token)
            if end_on_exit:
                span.end()


class LibraryProvider(trace.TracerProvider):
    """Gives the library its tracer."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer: Final = LibraryTracer(tracer)

    def get_tracer(self, *_args: Any, **_more: Any) -> trace.Tracer:
        """Return the one tracer."""
        return self._tracer


class CallSpans:
    """Begins the spans of calls on transports that the library does not know."""

    def __init__(self, tracer: trace.Tracer, sampling: Sampling) -> None:
        self._tracer: Final = tracer
        self._sampling: Final = sampling

    def of_call(self, method: str, raw: RawCall) -> spans.Span | None:
        """Return the span of a call to "package.Service/Method", or None: it isn't sampled."""
        header = raw.metadata().get(HEADER)
        if not self._sampling.wanted(header):
            return None
        service, _, name = method.partition("/")
        span = self._tracer.start_span(
            f"/{method}",
            context=Context() if header is None else _remote(header),
            kind=SpanKind.SERVER,
            attributes={
                names.RPC_SYSTEM: "grpc",
                names.RPC_SERVICE: service,
                names.RPC_METHOD: name,
                names.RPC_STATUS: 0,
            },
        )
        return OtelSpan(self._tracer, span)

    def of_many(
        self, name: str, parents: Sequence[str], attributes: spans.Attributes
    ) -> AbstractContextManager[object]:
        """Work on what several sampled calls have left behind, named by their traceparents.

        The span is a child of the first, and linked with all, 128 of them at most.
        """
        found = [parent for each in parents if (parent := parent_of(each)) is not None]
        if not found:
            return nullcontext()
        named = [SpanContext(trace_, span, True, Flags(flags)) for trace_, span, flags in found]  # noqa: FBT003
        begun = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(NonRecordingSpan(named[0]), Context()),
            kind=SpanKind.PRODUCER,
            attributes=attributes,
            links=[Link(each) for each in named[:_MOST_LINKS]],
        )
        return spans.inside(OtelSpan(self._tracer, begun))


def _remote(traceparent: str) -> Context:
    parent = parent_of(traceparent)
    assert parent is not None  # noqa: S101 - sampled by what it says
    trace_id, span_id, flags = parent
    named = SpanContext(trace_id, span_id, True, Flags(flags))  # noqa: FBT003
    return trace.set_span_in_context(NonRecordingSpan(named), Context())
