"""Who is traced: what a caller asks for, within a bound, and a share of the rest."""

from __future__ import annotations

import pytest

from chassis.tracing.otel import CleanIds
from chassis.tracing.sampling import Sampling, clean, parent_of
from tests.doubles.chassis_service import SECRET
from tests.doubles.clocks import FakeClock

TRACE, SPAN = "ab" * 16, "cd" * 8


def sampling(ratio: float = 0.0, most: int = 1_000, *, chance: float = 0.5) -> Sampling:
    return Sampling(ratio, most, clock=FakeClock().monotonic, uniform=lambda: chance)


CASES = {
    "sampled": (f"00-{TRACE}-{SPAN}-01", True),
    "sampled, random": (f"00-{TRACE}-{SPAN}-03", True),
    "not sampled": (f"00-{TRACE}-{SPAN}-00", False),
    "not sampled, random": (f"00-{TRACE}-{SPAN}-02", False),
    "another version": (f"01-{TRACE}-{SPAN}-01", False),
    "no trace": (f"00-{'0' * 32}-{SPAN}-01", False),
    "no span": (f"00-{TRACE}-{'0' * 16}-01", False),
    "upper case": (f"00-{TRACE.upper()}-{SPAN}-01", False),
    "two of them": (f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01", False),
    "more behind": (f"00-{TRACE}-{SPAN}-01-x1", False),
    "nonsense": ("please1", False),
    "empty": ("", False),
    "a card number for a trace": (f"00-{SECRET.zfill(32)}-{SPAN}-01", False),
    "a card number for a span": (f"00-{TRACE}-{SECRET}-01", False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_caller_decides_by_its_header_and_by_nothing_else_it_writes(case: str) -> None:
    header, wanted = CASES[case]
    # Whatever the share of the others: who brings a header has decided.
    for ratio in (0.0, 1.0):
        assert sampling(ratio).wanted(header) is wanted
        assert (
            sampling(ratio).wanted_among([("user-agent", "x"), ("traceparent", header)]) is wanted
        )


def test_of_calls_without_a_decision_a_share_is_traced() -> None:
    assert sampling(0.5, chance=0.499).wanted(None)
    assert not sampling(0.5, chance=0.5).wanted(None)
    assert not sampling(0.0, chance=0.0).wanted(None)
    assert sampling(1.0, chance=0.999).wanted_among([("user-agent", "x")])


def test_two_headers_are_nobodys_decision() -> None:
    pair = ("traceparent", f"00-{TRACE}-{SPAN}-01")
    assert sampling(1.0).wanted_among([pair])
    assert not sampling(1.0).wanted_among([pair, pair])
    assert not sampling(1.0).wanted_among([("traceparent", pair[1].encode())])


def test_no_more_than_so_many_a_second_whoever_asks() -> None:
    clock = FakeClock()
    bounded = Sampling(1.0, 3, clock=clock.monotonic, uniform=lambda: 0.0)
    asked = f"00-{TRACE}-{SPAN}-01"
    assert [bounded.wanted(asked) for _ in range(5)] == [True] * 3 + [False] * 2
    assert not bounded.wanted(None)
    clock.advance(1 / 3 + 0.001)
    assert [bounded.wanted(None), bounded.wanted(asked)] == [True, False]
    clock.advance(3600.0)  # no more than one second's worth is saved up
    assert [bounded.wanted(asked) for _ in range(5)] == [True] * 3 + [False] * 2


def test_what_is_not_traced_takes_no_place() -> None:
    bounded = Sampling(0.0, 1, clock=FakeClock().monotonic, uniform=lambda: 0.5)
    for _ in range(10):
        assert not bounded.wanted(None)
        assert not bounded.wanted(f"00-{TRACE}-{SPAN}-00")
    assert bounded.wanted(f"00-{TRACE}-{SPAN}-01")


def test_ids_of_ours_are_never_taken_for_a_card_number(monkeypatch: pytest.MonkeyPatch) -> None:
    bad_trace, bad_span = int(SECRET.zfill(32), 16), int(SECRET, 16)
    good_trace, good_span = int(TRACE, 16), int(SPAN, 16)
    drawn = iter([bad_trace, good_trace, bad_span, good_span])
    monkeypatch.setattr("random.getrandbits", lambda _bits: next(drawn))
    made = CleanIds()
    assert made.generate_trace_id() == good_trace
    assert made.generate_span_id() == good_span


def test_a_header_is_read_whole() -> None:
    assert parent_of(f"00-{TRACE}-{SPAN}-01") == (int(TRACE, 16), int(SPAN, 16), 1)
    assert clean(TRACE)
    assert not clean(SECRET)
