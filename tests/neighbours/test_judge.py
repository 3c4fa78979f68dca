"""The judge of `make proof ARGS=neighbours` finds what was planted, and lets pass what is right."""

from __future__ import annotations

import pytest

from tests.neighbours.codes import AGAIN, PUT, TAKE
from tests.neighbours.customer import READ, REVEAL, Card, _differs
from tests.neighbours.judge import Answer, Fault, Judge
from tests.neighbours.redis_troubles import RedisFault

STRUCK, HEALED, WELL = 100.0, 103.0, 105.0


def judged(answer: Answer, *, well: float = WELL, kind: RedisFault = RedisFault.KILLED) -> str:
    """Return what is found about an answer given around a Redis fault."""
    judge = Judge()
    fault = judge.strike(Fault(kind, STRUCK, kind.explains, healed=HEALED))
    judge.recovered(fault, well)
    judge.take([answer])
    return "; ".join(judge.found)


def refused(call: str, code: str, reason: str = "", *, at: float = 101.0, **how: object) -> Answer:
    values: dict[str, object] = {"retry": code == "UNAVAILABLE", **how}
    return Answer(call, at, 0.1, 8.0, code, reason, **values)  # type: ignore[arg-type]


AWAY, GONE = "SECURITY_CODE_UNAVAILABLE", "SECURITY_CODE_GONE"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused(READ, "INTERNAL"), "not what is documented"),
        (refused(TAKE, "UNKNOWN"), "not what is documented"),
        (refused(TAKE, "INTERNAL", AWAY), "status is not the documented one"),
        (refused(READ, "UNAVAILABLE", AWAY), "not what is documented"),
        (refused(PUT, "FAILED_PRECONDITION", GONE), "not what is documented"),
        (refused(PUT, "UNAVAILABLE", AWAY, retry=False), "without RetryInfo"),
        (refused(PUT, "UNAVAILABLE", AWAY, at=99.0), "though nothing was wrong"),
        (refused(PUT, "UNAVAILABLE", AWAY, at=106.0), "though nothing was wrong"),
        (refused(TAKE, "FAILED_PRECONDITION", GONE, at=106.0), "though nothing was wrong"),
        (refused(TAKE, "DEADLINE_EXCEEDED"), "not what is documented"),
        (Answer(READ, 101.0, 9.5, 8.0), "took 9.5 s with a deadline of 8.0 s"),
        (Answer(READ, 101.0, 0.1, 8.0, wrong="revision 1 was shown"), "revision 1 was shown"),
        (Answer(AGAIN, 50.0, 0.1, 8.0, wrong="a code was given"), "no fault: a code was given"),
    ],
    ids=lambda value: None if isinstance(value, Answer) else str(value).replace(" ", "-")[:24],
)
def test_the_judge_finds_a_broken_promise(answer: Answer, said: str) -> None:
    assert said in judged(answer)


@pytest.mark.parametrize(
    "answer",
    [
        refused(PUT, "UNAVAILABLE", AWAY),
        refused(TAKE, "FAILED_PRECONDITION", GONE),
        refused(TAKE, "FAILED_PRECONDITION", GONE, at=106.0, since=104.0),  # it was lost meanwhile
        Answer(READ, 101.0, 0.1, 8.0),
    ],
    ids=["refused", "lost", "lost-before", "answered"],
)
def test_the_judge_lets_pass_what_is_documented(answer: Answer) -> None:
    assert judged(answer) == ""


def test_the_judge_finds_a_late_recovery_and_a_loss_that_nothing_explains() -> None:
    fine = Answer(READ, 101.0, 0.1, 8.0)
    assert "10.1 s until all worked again" in judged(fine, well=HEALED + 10.1)
    gone = refused(TAKE, "FAILED_PRECONDITION", GONE)
    assert "not what is documented" in judged(gone, kind=RedisFault.PAUSED)


def test_an_older_or_another_cards_view_is_told_from_the_right_one() -> None:
    class Shown:
        token, revision, last4 = "tok_a", 2, "1111"
        metadata = {"tag": "r2"}  # noqa: RUF012 - a double

    right = Card("tok_a", "0" * 12 + "1111", 2, "r2")
    assert _differs(Shown, right) == ""
    assert "revision 2 was shown where 3" in _differs(Shown, Card("tok_a", right.number, 3, "r3"))
    assert "another card" in _differs(Shown, Card("tok_b", right.number, 2, "r2"))
    assert "another's contents" in _differs(Shown, Card("tok_a", right.number, 2, "new"))
    assert "another's contents" in _differs(Shown, Card("tok_a", "0" * 16, 2, "r2"))
    assert REVEAL != READ
