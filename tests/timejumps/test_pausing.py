"""Which vault may end after a pause, and how long pauses are."""

from __future__ import annotations

import random

import pytest

from tests.timejumps.pauses import ONE, OTHER, wrongly_ended
from tests.timejumps.pausing import LONGEST_S, SHORTEST_S, lengths
from vault.cli.serve import BROKEN


def test_who_stood_for_longer_than_its_lease_may_end() -> None:
    assert wrongly_ended(ONE, BROKEN, ONE, 40.0) == ""


@pytest.mark.parametrize(
    ("its_name", "status", "name", "seconds"),
    [
        (ONE, BROKEN, OTHER, 40.0),
        (ONE, BROKEN, "PostgreSQL", 40.0),
        (ONE, BROKEN, ONE, 10.0),
        (ONE, 1, ONE, 40.0),
        (ONE, 0, ONE, 40.0),
    ],
    ids=["another's pause", "the database's", "too short", "by an error", "as if it was told to"],
)
def test_any_other_end_is_named(its_name: str, status: int, name: str, seconds: float) -> None:
    assert wrongly_ended(its_name, status, name, seconds).startswith(f"{ONE} ended with {status}")


def test_pauses_are_of_every_magnitude() -> None:
    plan = lengths(random.Random("a seed"), 30, LONGEST_S)
    assert (len(plan), min(plan), max(plan)) == (30, SHORTEST_S, LONGEST_S)
    assert sum(each < 4.0 for each in plan) > 5
    assert sum(each > 15.0 for each in plan) > 5
