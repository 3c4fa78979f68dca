"""Count what becomes of spans."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from chassis import metric_names as names


class TraceMetrics:
    """Counters in a service's registry. Made once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exported: Final = Counter(
            names.TRACE_EXPORTED, "Spans that the receiver took", registry=registry
        )
        self._dropped: Final = Counter(
            names.TRACE_DROPPED,
            "Spans dropped: no room, not taken by the receiver, or left at the stop",
            (names.TRACE_REASON,),
            registry=registry,
        )
        self._redacted: Final = Counter(
            names.TRACE_REDACTED,
            "Card-number-like digits removed from spans; page on any",
            registry=registry,
        )
        for reason in ("queue_full", "not_taken", "stopped"):
            self._dropped.labels(reason)

    def exported(self, count: int) -> None:
        """Count spans that arrived."""
        self._exported.inc(count)

    def dropped(self, reason: str, count: int) -> None:
        """Count spans that did not; `reason` is one of three words."""
        self._dropped.labels(reason).inc(count)

    def redacted(self, count: int) -> None:
        """Count digits that had no business in a span."""
        self._redacted.inc(count)
