"""The wall before the exporter: what leaves is written anew, from an allow-list.

No event (exceptions would be events, with their texts), no text of a status, no trace state (a
caller's own words), no attribute that isn't known; digits that look like a card number are taken
out of what is left, and counted, as in logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status
from opentelemetry.util.types import AttributeValue

from chassis.redaction import redact
from chassis.tracing.names import ALLOWED


class Wall(SpanExporter):
    """Hands on what may leave. `on_redacted` hears of digits taken out: page on any."""

    def __init__(self, inner: SpanExporter, on_redacted: Callable[[int], object]) -> None:
        self._inner: Final = inner
        self._on_redacted: Final = on_redacted

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans' allowed parts."""
        return self._inner.export([self._allowed(span) for span in spans])

    def shutdown(self) -> None:
        """End the exporter, and what it is waiting for."""
        self._inner.shutdown()

    def _allowed(self, span: ReadableSpan) -> ReadableSpan:
        attributes: dict[str, AttributeValue] = {}
        for key, value in (span.attributes or {}).items():
            if key in ALLOWED and type(value) in {str, int, bool}:
                attributes[key] = self._clean(value) if isinstance(value, str) else value
        return ReadableSpan(
            name=self._clean(span.name),
            context=_bare(span.context),
            parent=_bare(span.parent),
            resource=span.resource,
            attributes=attributes,
            links=[Link(bare) for link in span.links if (bare := _bare(link.context)) is not None],
            kind=span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _clean(self, text: str) -> str:
        cleaned, hits = redact(text)
        if hits:
            self._on_redacted(hits)
        return cleaned


def _bare(context: SpanContext | None) -> SpanContext | None:
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
