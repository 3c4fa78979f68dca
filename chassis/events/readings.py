"""Which numbers a relay shows: named in one place, for both services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis.events.relay import EventRelay

Named = tuple[str, str, Callable[[], float], bool]
"""A metric's name without its service, its text, how to read it, and whether it only grows."""


def of_relay(relay: EventRelay) -> list[Named]:
    """Return a relay's readings. What waits is that of the partitions held by this process."""
    counts = relay.counts
    return [
        ("relay_delivered", "Events delivered", lambda: counts.delivered, True),
        ("relay_failures", "Deliveries that failed", lambda: counts.failures, True),
        (
            "relay_poison",
            "Events the sink refused for good; page on any",
            lambda: counts.poison,
            True,
        ),
        ("relay_fenced", "Partitions lost while they were worked on", lambda: counts.fenced, True),
        (
            "relay_held_subjects",
            "Subjects whose events wait behind a refused one",
            lambda: counts.held_subjects,
            False,
        ),
        ("relay_partitions", "Partitions of the outbox held", lambda: counts.partitions, False),
        ("relay_outbox_depth", "Events that wait", lambda: counts.depth, False),
        (
            "relay_outbox_oldest_age_seconds",
            "Age of the event that waits longest",
            lambda: max(0.0, time.time() - counts.oldest / 1e6) if counts.oldest else 0.0,
            False,
        ),
    ]


class RelayMetrics(Collector):
    """Reads a relay's numbers at scrape time; `prefix` begins each metric's name."""

    def __init__(self, relay: EventRelay, prefix: str, registry: CollectorRegistry) -> None:
        self._relay = relay
        self._prefix = prefix
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield one family each."""
        for name, text, read, counter in of_relay(self._relay):
            family = CounterMetricFamily if counter else GaugeMetricFamily
            metric = family(f"{self._prefix}_{name}", text)
            metric.add_metric([], read())
            yield metric
