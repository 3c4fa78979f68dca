"""What is asked, sent or applied twice by updaters that were stopped is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.timejumps.answered import STEP, Answered, Ended

CARDS, CHAIN = 4, 3


def right() -> Answered:
    """Return what came of a few cards, each asked about three times."""
    answered = Answered()
    for card in range(CARDS):
        for place in range(CHAIN):
            answered.asked[card + place * STEP] += 1
        answered.ended[card] = Ended(card + CHAIN * STEP, 1 + CHAIN)
    answered.files["a"] += 1
    return answered


def asked_twice(answered: Answered) -> None:
    answered.asked[1] += 1


def sent_twice(answered: Answered) -> None:
    answered.files["a"] += 1


def applied_twice(answered: Answered) -> None:
    answered.ended[2].version += 1


def lost(answered: Answered) -> None:
    answered.ended[2] = Ended(2 + (CHAIN - 1) * STEP, CHAIN)


def left(answered: Answered) -> None:
    del answered.asked[2 + (CHAIN - 1) * STEP]
    answered.ended[2] = Ended(2 + (CHAIN - 1) * STEP, CHAIN)


def forgotten(answered: Answered) -> None:
    answered.asked.clear()
    answered.ended = {card: Ended(card, 1) for card in range(CARDS)}


def test_what_is_right_passes() -> None:
    assert right().breaches() == []


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (asked_twice, "a number was asked about 2 times"),
        (sent_twice, "a file was sent 2 times"),
        (applied_twice, "after 3 answers a card has version 5"),
        (lost, "after 3 answers a card holds number 2"),
        (left, "cards by the number of their answers"),
        (forgotten, "cards were never asked about"),
    ],
)
def test_what_is_wrong_is_named(fault: Callable[[Answered], None], named: str) -> None:
    answered = right()
    fault(answered)
    assert any(named in each for each in answered.breaches())
