"""What the time part of the proof did less than it had to, or not at all, is a broken promise."""

from __future__ import annotations

from collections import Counter

from tests.timejumps.faked import Faked
from tests.timejumps.faked_updater import FakedUpdater
from tests.timejumps.pausing import Paused
from tests.timejumps.proof import Part, row_of_clocks, row_of_jumps, row_of_pauses, row_of_updaters
from tests.timejumps.trials import Jumped


def part(_seed: str, _pauses: int, _longest_s: float, _place: object) -> Paused:
    return Paused()


PART = Part("a part", part, "it goes on")


def test_a_missing_library_is_named() -> None:
    for row in (row_of_clocks(None, 9), row_of_updaters(None, 9)):
        assert row.counts == {"jumps": 0}
        assert "libfaketime is not installed" in row.violations[0]


def test_enough_is_no_violation() -> None:
    faked = Faked(met=Counter({"refused at the door": 5, "served": 13}))
    updater = FakedUpdater(met=Counter({"jumps": 9, "times without trust": 5}))
    paused = Paused(pauses=Counter({"it": 3}), seconds=[1.0, 2.0, 3.0], acknowledged=1)
    jumped = Jumped(met=Counter({"an hour back": 9}))
    assert not row_of_clocks(faked, 9).violations
    assert not row_of_updaters(updater, 9).violations
    assert not row_of_pauses(PART, paused, 3).violations
    assert not row_of_jumps(jumped, 9).violations


def test_less_is_one() -> None:
    faked = Faked(met=Counter({"served": 18}))
    updater = FakedUpdater(met=Counter({"jumps": 9}))
    paused = Paused(pauses=Counter({"it": 2}), seconds=[1.0, 2.0], acknowledged=1)
    assert "only 0 new connections refused" in row_of_clocks(faked, 9).violations[0]
    assert "only 0 times without trust" in row_of_updaters(updater, 9).violations[0]
    assert "only 2 pauses" in row_of_pauses(PART, paused, 3).violations[0]
    assert "only 0 jumps" in row_of_jumps(Jumped(), 9).violations[0]


def test_what_was_found_is_told() -> None:
    paused = Paused(pauses=Counter({"it": 1}), seconds=[1.0], found=["a write is lost"])
    assert row_of_pauses(PART, paused, 3).violations == ("a write is lost",)
