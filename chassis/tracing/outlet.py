"""The way out for ended spans: a bounded queue and one thread. Never in a call's way.

The SDK's own batch processor logs on the caller's thread when it is full, counts what it drops only
behind a switch of its environment, and takes up to 30 s to stop.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from chassis.tracing.counts import TraceMetrics

_log = structlog.get_logger("tracing")


@dataclass(frozen=True, slots=True)
class OutletLimits:
    """How much waits, and how long. Seconds."""

    queue: int = 2_048
    batch: int = 256
    gather_s: float = 1.0
    close_s: float = 2.0


class Outlet(SpanProcessor):
    """Hands ended spans to the exporter by the batch; what doesn't fit is dropped and counted."""

    def __init__(
        self, exporter: SpanExporter, metrics: TraceMetrics, limits: OutletLimits = OutletLimits()
    ) -> None:
        self._exporter: Final = exporter
        self._metrics: Final = metrics
        self._limits: Final = limits
        self._waiting: Final[deque[ReadableSpan]] = deque()
        self._wake: Final = threading.Event()
        self._idle: Final = threading.Event()
        self._idle.set()
        self._closing = False
        self._until = inf  # monotonic: what has not been sent by then, isn't
        self._failing = False
        self._thread: Final = threading.Thread(
            target=self._run, name="cardvault-spans", daemon=True
        )
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Put a span in line; microseconds, whatever the receiver does."""
        if self._closing or len(self._waiting) >= self._limits.queue:
            self._metrics.dropped("queue_full" if not self._closing else "stopped", 1)
            return
        self._idle.clear()
        self._waiting.append(span)
        if len(self._waiting) >= self._limits.batch:
            self._wake.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; tell whether it was sent in time. Blocks: not for the event loop."""
        self._wake.set()
        return self._idle.wait(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what waits, within `close_s`; what is left then is dropped. Blocks."""
        if self._closing:
            return
        self._until = monotonic() + self._limits.close_s
        self._closing = True
        self._wake.set()
        self._thread.join(self._limits.close_s)
        self._exporter.shutdown()  # ends what the thread is still waiting for
        self._thread.join(self._limits.close_s / 4)
        left = len(self._waiting)
        if left:
            self._metrics.dropped("stopped", left)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._limits.gather_s)
            self._wake.clear()
            while self._waiting and monotonic() < self._until:
                room = min(len(self._waiting), self._limits.batch)
                self._send([self._waiting.popleft() for _each in range(room)])
            self._idle.set()
            if self._waiting and not self._closing:
                self._idle.clear()  # a span came in between
            elif self._closing:
                return

    def _send(self, batch: list[ReadableSpan]) -> None:
        try:
            sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - a receiver's trouble must not end the thread
            sent = False
            if not self._failing:
                _log.warning("spans can't be exported", error_type=type(error).__name__)
        if sent:
            self._metrics.exported(len(batch))
        else:
            self._metrics.dropped("not_taken", len(batch))
            if not self._failing:
                _log.warning("the receiver of traces does not take them", count=len(batch))
        self._failing = not sent
