"""The metrics of all workers as one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from chassis.metric_names import WORKER_LABEL


def merged(pages: Mapping[int, str], own: Collector | None = None) -> bytes:
    """Return one page of all workers' pages by their numbers, and the supervisor's own families.

    Every sample gets the label `worker`, and nothing is added up: a worker that is started again
    counts from nothing, which whoever reads one worker's series knows to handle and a sum would
    hide. Raises ValueError for what is no page.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Pages(pages))
    if own is not None:
        registry.register(own)
    return generate_latest(registry)


class _Pages(Collector):
    def __init__(self, pages: Mapping[int, str]) -> None:
        self._pages = pages

    def collect(self) -> Iterator[Metric]:
        """Yield each family once, with the samples of all workers."""
        families: dict[str, Metric] = {}
        for number, page in sorted(self._pages.items()):
            for family in text_string_to_metric_families(page):
                known = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    labels = {**sample.labels, WORKER_LABEL: str(number)}
                    known.add_sample(sample.name, labels, sample.value)
        yield from families.values()
