"""The vault's own metrics: plain counters of its parts, read when somebody scrapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Reading(NamedTuple):
    """One number: its name, its help text, how to read it, and whether it only grows."""

    name: str
    text: str
    read: Callable[[], float]
    counter: bool = True


class Readings(Collector):
    """Collects readings at scrape time, so that the hot path counts with plain integers."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterator[Metric]:
        """Yield one family each."""
        for reading in self._readings:
            family = CounterMetricFamily if reading.counter else GaugeMetricFamily
            metric = family(f"cardvault_{reading.name}", reading.text)
            metric.add_metric([], reading.read())
            yield metric


def counts_of(prefix: str, counts: object, texts: dict[str, str]) -> list[Reading]:
    """Return a reading for each named integer of a counts object."""
    return [
        Reading(f"{prefix}_{name}", text, lambda name=name: float(getattr(counts, name)))  # type: ignore[misc]
        for name, text in texts.items()
    ]


def register(registry: CollectorRegistry, readings: Sequence[Reading]) -> None:
    """Add readings to a registry."""
    registry.register(Readings(readings))
