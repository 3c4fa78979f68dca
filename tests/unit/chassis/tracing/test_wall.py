"""The wall: whatever was written on a span, only what may leave does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from chassis.tracing.names import RPC_METHOD, RPC_STATUS
from chassis.tracing.wall import Wall
from tests.doubles.chassis_service import SECRET


class _Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


def _talkative() -> tuple[ReadableSpan, bytes, list[int]]:
    """Write a secret wherever a span has room, and return what left: as a span, and as bytes."""
    kept = _Kept()
    redacted: list[int] = []
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Wall(kept, redacted.append)))
    state = TraceState([("vendor", SECRET)])
    far = SpanContext(7, 8, True, TraceFlags(1), state)
    span = provider.get_tracer("test").start_span(
        f"/a.B/{SECRET}",
        context=set_span_in_context(NonRecordingSpan(far)),
        links=[Link(far, {"card": SECRET})],
        attributes={
            RPC_METHOD: f"C {SECRET}",
            RPC_STATUS: 5,
            "rpc.user_agent": SECRET,
            "net.peer.ip": "127.0.0.1",
            "db.query.text": f"SELECT '{SECRET}'",
        },
    )
    unusual: Any = [SECRET]
    span.set_attribute("error.type", unusual)
    span.add_event(SECRET, {"number": SECRET})
    span.record_exception(ValueError(SECRET))
    span.set_status(Status(StatusCode.ERROR, SECRET))
    span.end()
    (found,) = kept.spans
    return found, encode_spans(kept.spans).SerializeToString(), redacted


def test_only_what_may_leave_does() -> None:
    span, sent, redacted = _talkative()
    leaked = SECRET.encode() in sent
    assert not leaked
    assert dict(span.attributes or {}) == {RPC_METHOD: "C [redacted]", RPC_STATUS: 5}
    assert (span.name, sum(redacted)) == ("/a.B/[redacted]", 2)
    assert (list(span.events), span.status.status_code) == ([], StatusCode.ERROR)
    assert span.status.description is None


def test_what_belongs_together_stays_together() -> None:
    span, _sent, _redacted = _talkative()
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id, span.context.trace_id) == (7, 8, 7)
    (link,) = span.links
    assert (link.context.trace_id, link.context.span_id, dict(link.attributes or {})) == (7, 8, {})
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time >= span.start_time
