"""The way out: bounded, counted, never in a call's way, and over in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from chassis.metrics import ChassisMetrics
from chassis.tracing.counts import TraceMetrics
from chassis.tracing.open import open_tracing
from chassis.tracing.outlet import Outlet, OutletLimits
from chassis.tracing.settings import TraceSettings
from tests.doubles.chassis_wires import FakeRawCall
from tests.doubles.otlp_receiver import otlp_receiver
from tests.doubles.traces import ASKED

QUICK: Final = OutletLimits(queue=8, batch=4, gather_s=0.02, close_s=0.3)


class Exporter(SpanExporter):
    """Takes spans, or hangs, or fails, as a test likes."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.raises: Exception | None = None
        self.entered = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.gate.wait(10)
        if self.raises is not None:
            raise self.raises
        self.taken += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """End what waits, as OTLP's does by closing its channel."""
        self.raises = self.raises or ConnectionError()
        self.gate.set()


class Line:
    """An outlet, and spans to put into it."""

    def __init__(self, limits: OutletLimits = QUICK) -> None:
        self.exporter = Exporter()
        self.registry = CollectorRegistry()
        self.outlet = Outlet(self.exporter, TraceMetrics(self.registry), limits)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.outlet)
        self._tracer = provider.get_tracer("test")

    def put(self, count: int) -> None:
        for number in range(count):
            self._tracer.start_span(f"s{number}").end()

    def dropped(self, reason: str) -> float:
        name = "cardvault_trace_spans_dropped_total"
        return self.registry.get_sample_value(name, {"reason": reason}) or 0.0

    @property
    def exported(self) -> float:
        return self.registry.get_sample_value("cardvault_trace_spans_exported_total") or 0.0


def test_spans_go_out_in_order_by_the_batch() -> None:
    line = Line()
    line.put(6)
    assert line.outlet.force_flush(5_000)
    assert line.exporter.taken == [f"s{number}" for number in range(6)]
    line.outlet.shutdown()
    assert (line.exported, line.dropped("queue_full"), line.dropped("stopped")) == (6, 0, 0)


def test_a_receiver_that_hangs_costs_spans_and_no_time() -> None:
    line = Line()
    line.exporter.gate.clear()
    line.put(4)
    assert line.exporter.entered.wait(5)  # four are under way, eight have room
    begun = time.perf_counter()
    line.put(100)
    assert time.perf_counter() - begun < 0.1
    assert line.dropped("queue_full") == 92
    line.exporter.gate.set()
    assert line.outlet.force_flush(5_000)
    assert line.exported == 12
    line.outlet.shutdown()


def test_a_stop_waits_for_a_hanging_receiver_no_longer_than_it_may() -> None:
    line = Line()
    line.exporter.gate.clear()
    line.put(8)
    assert line.exporter.entered.wait(5)
    begun = time.perf_counter()
    line.outlet.shutdown()
    line.outlet.shutdown()  # safe to repeat
    assert QUICK.close_s <= time.perf_counter() - begun < 2 * QUICK.close_s
    assert (line.dropped("not_taken"), line.dropped("stopped")) == (4, 4)
    line.put(1)
    assert line.dropped("stopped") == 5


def test_what_waits_is_sent_at_the_stop() -> None:
    line = Line(OutletLimits(gather_s=60.0))
    line.put(3)
    line.outlet.shutdown()
    assert (line.exported, line.dropped("stopped")) == (3, 0)


def test_an_exporter_that_raises_ends_nothing() -> None:
    line = Line()
    line.exporter.raises = RuntimeError("its text is not logged")
    line.put(2)
    assert line.outlet.force_flush(5_000)
    assert line.dropped("not_taken") == 2
    line.exporter.raises = None
    line.put(1)
    assert line.outlet.force_flush(5_000)
    assert line.exported == 1
    line.outlet.shutdown()


@pytest.mark.parametrize("trouble", ["refuses", "hangs", "away"])
async def test_a_service_stops_in_time_whatever_its_receiver_does(trouble: str) -> None:
    with otlp_receiver() as receiver:
        if trouble == "refuses":
            receiver.refuses = grpc.StatusCode.UNAVAILABLE
        elif trouble == "hangs":
            receiver.gate.clear()
        endpoint = "http://127.0.0.1:1" if trouble == "away" else receiver.endpoint
        metrics = ChassisMetrics()
        settings = TraceSettings("test", endpoint, 0.0, 100)
        async with open_tracing(settings, metrics) as tracing:
            assert tracing is not None
            span = tracing.call_span("a.B/C", FakeRawCall(pairs=ASKED))
            assert span is not None
            span.end()
            begun = time.perf_counter()
        assert time.perf_counter() - begun < 3.5
        lost = sum(
            metrics.registry.get_sample_value(
                "cardvault_trace_spans_dropped_total", {"reason": reason}
            )
            or 0.0
            for reason in ("not_taken", "stopped")
        )
        assert lost == 1
        assert receiver.spans == []
