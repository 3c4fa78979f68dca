"""Turn samples into what is reported: percentiles, an open loop's schedule, a run's validity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_GENERATOR_SHARE: Final = 0.90
"""Of one core. Above it the generator measures itself."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of ascending samples; `share` is in (0, 1].

    Nearest rank: always a value that was measured, never one between two. Raises ValueError.
    """
    if not ordered:
        raise ValueError("no samples")
    if not 0 < share <= 1:
        raise ValueError("a share is above 0 and at most 1")
    # Rounded first: 0.95 * 100 is a little more than 95 in binary.
    return ordered[math.ceil(round(share * len(ordered), 9)) - 1]


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two; raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


@dataclass(frozen=True, slots=True)
class Latency:
    """Describe durations, in milliseconds."""

    p50: float
    p95: float
    p99: float
    most: float
    samples: int


def latency_of(seconds: Sequence[float]) -> Latency:
    """Summarize durations given in seconds, in any order. Raises ValueError without any."""
    ordered = sorted(seconds)
    p50, p95, p99 = (percentile(ordered, share) * 1000 for share in (0.50, 0.95, 0.99))
    return Latency(p50, p95, p99, ordered[-1] * 1000, len(ordered))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When each call of an open loop is meant to leave, whatever became of those before it.

    Latency counts from the intended time, so that a server that stalls can't make the generator
    leave the bad samples out (coordinated omission).
    """

    rate: float
    seconds: float

    @property
    def count(self) -> int:
        """Return how many calls there are."""
        return int(self.rate * self.seconds)

    def intended(self, index: int) -> float:
        """Return a call's time, in seconds from the start."""
        return index / self.rate

    def due(self, elapsed: float) -> int:
        """Return how many calls should have left by now."""
        return min(self.count, math.floor(round(elapsed * self.rate, 6)) + 1)


def reveals(index: int, share: float) -> bool:
    """Tell whether a call of the mix is a reveal: evenly spread, `share` of any long run."""
    return math.floor((index + 1) * share + 1e-9) > math.floor(index * share + 1e-9)


def invalid_because(
    generator_shares: Sequence[float], failed: Mapping[str, int], unsent: int = 0
) -> str:
    """Return why a run doesn't count, or an empty text.

    `generator_shares`: each generator process's CPU as a share of one core. `failed`: calls by
    their status; a generator that meets many sends the rest of its calls, `unsent`, no more.
    """
    if failed or unsent:
        kinds = ", ".join(f"{count} {status}" for status, count in sorted(failed.items()))
        return f"calls failed: {kinds}" + (f"; {unsent} were not sent" if unsent else "")
    busiest = max(generator_shares)
    if busiest > MOST_GENERATOR_SHARE:
        return f"a generator used {busiest:.0%} of a core"
    return ""
