"""Jumps of the wall clock: nothing goes early, no key or code lives longer, no id comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest

from chassis.clock import UnhurriedClock
from tests.timejumps.clock import JumpingClock, WallPaced
from tests.timejumps.trial import DAY, HOUR, JUMPS, Trial
from tests.timejumps.trials import run_trials

SEED: Final = 20261122
TRIALS: Final = 60


def test_jumps_in_the_middle_of_work_break_no_promise(
    record_property: Callable[[str, object], None],
) -> None:
    jumped = run_trials(f"{SEED}/jumps", TRIALS)
    record_property("said", f"seed {SEED}: {jumped.jumps} jumps, {jumped.found}")
    assert not jumped.found, jumped.found[0]
    assert min(jumped.met[name] for name in JUMPS) > 20
    for name in (
        "in the middle of work",
        "restarts",
        "restarts with a wall that is ahead",
        "request ids sent again",
        "request ids of a time behind sent again",
        "calls by keys of a KMS that was away",
        "codes taken",
        "codes gone",
        "brought back at the end",
        "purged contents",
        "purged versions",
    ):
        assert jumped.met[name] > 0, name


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"sweeping": lambda clock, _known: clock}, "µs early"),
        ({"sweeping": lambda clock, _known: clock}, "took effect again"),
        ({"sweeping": lambda clock, _known: UnhurriedClock(clock)}, "µs early"),
        ({"stamping": lambda _wall, clock: clock}, "took effect again"),
        ({"pacing": WallPaced}, "a key served"),
        ({"pacing": WallPaced}, "a security code was"),
    ],
    ids=[
        "a sweeper that is hurried",
        "ids forgotten early",
        "a sweeper that believes what it meets at its start",
        "stamps that nobody hears of",
        "keys by the wall",
        "codes by the wall",
    ],
)
def test_who_goes_by_the_wall_is_found(fault: dict[str, Any], named: str) -> None:
    for number in range(200):
        trial = Trial(f"{SEED}/{number}", **fault)
        asyncio.run(trial.run())
        if any(named in each for each in trial.found):
            return
    pytest.fail(f"seed {SEED}: not found")


def test_a_clock_that_is_set_forward_hurries_nothing_for_a_day() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock)
    clock.jump(365 * DAY)
    for _hour in range(24):
        assert unhurried.now_us() == clock.true_us
        clock.advance(HOUR)
    assert unhurried.now_us() == clock.now_us()  # it was a correction


def test_a_clock_that_was_set_forward_before_the_start_is_not_believed() -> None:
    clock = JumpingClock()
    known = clock.true_us
    clock.advance(HOUR)
    clock.jump(365 * DAY)
    unhurried = UnhurriedClock(clock, known)
    assert unhurried.now_us() == known
    clock.advance(0.9 * DAY)
    assert unhurried.now_us() == known + int(0.9 * DAY * 1e6)
    clock.advance(0.2 * DAY)
    assert unhurried.now_us() == clock.now_us()


def test_a_record_of_a_later_time_changes_nothing() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock, clock.true_us + 1_000_000)
    assert unhurried.now_us() == clock.now_us()


def test_a_clock_that_is_set_right_again_has_to_stand_for_a_day_anew() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock)
    for _time in range(10):
        clock.jump(DAY)
        assert unhurried.now_us() == clock.true_us
        clock.advance(0.9 * DAY)
        assert unhurried.now_us() == clock.true_us
        clock.correct()
        assert unhurried.now_us() == clock.true_us


def test_a_second_step_is_not_believed_for_the_first_ones_age() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock)
    clock.jump(HOUR)
    unhurried.now_us()
    clock.advance(0.9 * DAY)
    clock.jump(365 * DAY)
    assert unhurried.now_us() == clock.true_us
    clock.advance(0.9 * DAY)
    assert unhurried.now_us() == clock.true_us


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock)
    clock.jump(-365 * DAY)
    assert unhurried.now_us() == clock.now_us()
    clock.advance(HOUR)
    assert unhurried.now_us() == clock.now_us()
    clock.correct()
    assert unhurried.now_us() == clock.true_us - int(365 * DAY * 1e6)


def test_small_steps_are_no_jumps() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock)
    for _day in range(30):
        clock.jump(0.1)
        clock.advance(DAY)
        assert 0 <= clock.now_us() - unhurried.now_us() <= 1_100_000


def test_a_step_back_that_only_who_stamps_has_seen_counts() -> None:
    clock = JumpingClock()
    unhurried = UnhurriedClock(clock)
    clock.jump(-DAY)
    stamp = unhurried.host_us()
    assert stamp == clock.now_us()
    clock.correct()
    clock.advance(0.9 * DAY)
    assert unhurried.now_us() - stamp == int(0.9 * DAY * 1e6)
