"""The breaker opens after two failures in a row, and one probe at a time closes it."""

from tests.doubles.clocks import FakeClock
from vault.adapters.redis.breaker import Breaker


def fail(breaker: Breaker) -> None:
    admission = breaker.admit()
    assert admission is not None
    breaker.ended(admission, False)


def test_one_failure_is_forgiven() -> None:
    breaker = Breaker(FakeClock())
    for _turn in range(3):
        fail(breaker)
        assert breaker.admit() == "call"
        breaker.ended("call", True)
    assert not breaker.open


def test_after_two_nobody_calls_until_one_probe_succeeds() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    fail(breaker)
    fail(breaker)
    assert breaker.open
    assert breaker.admit() is None
    clock.advance(0.51)
    assert breaker.admit() == "probe"
    assert breaker.admit() is None
    breaker.ended("probe", True)
    assert breaker.admit() == "call"
    assert breaker.admit() == "call"
    assert (breaker.counts.opened, breaker.counts.refused, breaker.counts.failures) == (1, 2, 2)


def test_failed_probes_wait_longer_up_to_five_seconds() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    fail(breaker)
    fail(breaker)
    clock.advance(0.51)
    for wait in (1.0, 2.0, 4.0, 5.0, 5.0):
        fail(breaker)
        clock.advance(wait - 0.01)
        assert breaker.admit() is None
        clock.advance(0.02)


def test_a_probe_whose_caller_gave_up_makes_room_for_the_next() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    fail(breaker)
    fail(breaker)
    clock.advance(0.51)
    assert breaker.admit() == "probe"
    breaker.ended("probe", None)
    assert breaker.admit() == "probe"


def test_stragglers_do_not_prolong_it() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    assert [breaker.admit() for _ in range(4)] == ["call"] * 4
    for _turn in range(3):
        breaker.ended("call", False)
    clock.advance(0.4)
    breaker.ended("call", False)
    clock.advance(0.11)
    assert breaker.admit() == "probe"
    assert breaker.counts.opened == 1


def test_parts_open_by_themselves_and_count_together() -> None:
    clock = FakeClock()
    whole = Breaker(clock)
    one, two = whole.part(), whole.part()
    fail(one)
    fail(one)
    assert (one.open, two.open, whole.open) == (True, False, True)
    assert (one.resting, two.resting, whole.resting) == (True, False, False)
    assert two.admit() == "call"
    two.ended("call", True)
    assert one.admit() is None
    assert (whole.counts.calls, whole.counts.failures, whole.counts.refused) == (3, 2, 1)
    whole.without(one)
    assert not whole.open


def test_a_probe_that_is_due_is_no_rest() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    fail(breaker)
    fail(breaker)
    assert breaker.resting
    clock.advance(0.51)
    assert (breaker.open, breaker.resting) == (True, False)
    assert breaker.admit() == "probe"
    assert breaker.resting
