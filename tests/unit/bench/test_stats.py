"""The bench's own arithmetic: wrong percentiles would be wrong for ever."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.stats import (
    Schedule,
    invalid_because,
    latency_of,
    median,
    percentile,
    reveals,
)

SAMPLES = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(100, 0.50, 50), (100, 0.95, 95), (100, 0.99, 99), (100, 1.0, 100), (1, 0.5, 1), (4, 0.5, 2),
     (5, 0.5, 3), (10, 0.99, 10), (1000, 0.99, 990), (200, 0.95, 190)],
)  # fmt: skip
def test_nearest_rank(count: int, share: float, expected: int) -> None:
    assert percentile(range(1, count + 1), share) == expected


@given(SAMPLES, st.floats(0.001, 1.0))
def test_a_percentile_is_a_sample_with_its_share_at_or_below(
    samples: list[float], share: float
) -> None:
    found = percentile(sorted(samples), share)
    assert found in samples
    assert sum(each <= found for each in samples) >= share * len(samples) - 1e-6
    assert sum(each < found for each in samples) < share * len(samples) + 1e-6


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], share)


def test_no_samples_have_no_percentile_and_no_median() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="no values"):
        median([])


def test_median_of_odd_and_even_counts() -> None:
    assert median([9.0, 1.0, 5.0]) == 5.0
    assert median([9.0, 1.0, 5.0, 6.0]) == 5.5


def test_latency_is_in_milliseconds_whatever_the_order() -> None:
    seconds = [each / 1000 for each in range(1, 101)]
    random.Random(7).shuffle(seconds)
    latency = latency_of(seconds)
    assert (latency.p50, latency.p95, latency.p99) == pytest.approx((50, 95, 99))
    assert latency.most == pytest.approx(100)
    assert latency.samples == 100


def test_a_schedule_does_not_move_when_the_generator_is_late() -> None:
    schedule = Schedule(rate=1000, seconds=2)
    assert schedule.count == 2000
    assert schedule.intended(0) == 0
    assert schedule.intended(1500) == 1.5
    assert schedule.due(0.0) == 1
    # Woken half a second late: everything of that half second is due, from its own time on.
    assert schedule.due(0.5) == 501
    assert schedule.due(0.0005) == 1
    assert schedule.due(60) == schedule.count


@given(st.integers(1, 5_000), st.integers(0, 20_000))
def test_a_call_is_due_at_its_intended_time(rate: int, index: int) -> None:
    schedule = Schedule(rate=rate, seconds=20_001 / rate + 1)
    assert schedule.due(schedule.intended(index)) == index + 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_the_mix_is_even_and_exact(share: float) -> None:
    kinds = [reveals(index, share) for index in range(1_000)]
    assert sum(kinds) == share * 1_000
    for start in range(0, 1_000, 10):
        assert abs(sum(kinds[start : start + 10]) - 10 * share) <= 1


def test_a_busy_generator_or_a_failed_call_makes_a_run_invalid() -> None:
    assert invalid_because([0.2, 0.90], failed={}) == ""
    assert "91%" in invalid_because([0.2, 0.91], failed={})
    assert "failed: 3 UNAVAILABLE" in invalid_because([0.2], failed={"UNAVAILABLE": 3})
    assert "7 were not sent" in invalid_because([0.2], failed={"UNAVAILABLE": 3}, unsent=7)
