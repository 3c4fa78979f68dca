"""Name what is wrong with a history that no order explains, and show where, briefly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from tests.histories.history import READS, Listed, Op, Refused, Revealed, Said, Shown
from tests.histories.model import answer
from tests.histories.search import Verdict, judge

_CONTEXT: Final = 6


class Anomaly(StrEnum):
    """What an answer gives away."""

    STALE = "a read older than what was known before it was asked"
    UNASKED = "an effect that nobody had asked for by then, or one twice"
    LOST = "a change made of a card without an earlier acknowledged change"
    CAS = "a change done at another revision than the one expected"
    FORBIDDEN = "a call done that had to be refused"
    REFUSED = "a call refused though nothing stood against it"
    CONTENT = "other contents than the changes made, at the same revision"
    NUMBER = "a reveal of another number than the masked card beside it"
    LIST_GAP = "a list of versions with a gap"
    LIST_ORDER = "a list of versions out of order"
    LIST_TWICE = "a list of versions with one twice"


class Finding(NamedTuple):
    """A card whose history has no order."""

    anomaly: Anomaly
    card: str
    prefix: int  # how many calls were asked by the answer that nothing gets past
    told: tuple[str, ...]  # that call last, with what was expected; before it what came before

    def __str__(self) -> str:
        return f"{self.anomaly}: {self.card}, within {self.prefix} calls: {'; '.join(self.told)}"


def check(card: str, ops: Sequence[Op]) -> Finding | None:
    """Return what is wrong with a card's history, if no order explains it."""
    verdict = judge(ops)
    if verdict.linearizable:
        return None
    blocked = verdict.blocked
    assert blocked is not None, "no order, and no answer that none gets past"
    _after, expected = answer(verdict.state, blocked.ask)
    assert blocked.said is not None
    prefix = sum(op.asked <= (blocked.answered or 0) for op in ops)
    told = (*_context(ops, verdict), f"{blocked}, but {expected}")
    return Finding(_anomaly(blocked, blocked.said, expected), card, prefix, told)


def _context(ops: Sequence[Op], verdict: Verdict) -> Iterator[str]:
    """Tell the last changes before the answer, and what was asked beside it or is in doubt."""
    blocked = verdict.blocked
    assert blocked is not None
    end = blocked.answered or 0
    changes = [op for op in verdict.before if op.ask.kind not in READS]
    beside = [
        op
        for op in ops
        if op is not blocked
        and op not in changes
        and op.ask.kind not in READS
        and op.asked <= end
        and (op.answered is None or op.answered >= blocked.asked)
    ]
    for op in changes[-_CONTEXT:]:
        yield str(op)
    for op in beside[-_CONTEXT:]:
        yield f"beside it {op}"


def _anomaly(op: Op, said: Said, expected: Said) -> Anomaly:
    if isinstance(said, Refused):
        return Anomaly.REFUSED
    if isinstance(said, Revealed) and (said.number, said.expiry) != said.card[3:5]:
        return Anomaly.NUMBER
    if isinstance(expected, Refused):
        wrong = expected.reason == "REVISION_CONFLICT"
        return Anomaly.CAS if wrong else Anomaly.FORBIDDEN
    if isinstance(said, Listed):
        assert isinstance(expected, Listed)
        return _of_list(said, expected)
    told, right = _card(said), _card(expected)
    if told.revision > right.revision:
        return Anomaly.UNASKED
    if told.revision < right.revision:
        return Anomaly.STALE if op.ask.kind in READS else Anomaly.LOST
    return Anomaly.CONTENT


def _of_list(said: Listed, expected: Listed) -> Anomaly:
    numbers = [version for version, *_contents in said.versions]
    if len(set(numbers)) < len(numbers):
        return Anomaly.LIST_TWICE
    if any(above < below for above, below in pairwise(numbers)):
        return Anomaly.LIST_ORDER
    if numbers and numbers != list(range(numbers[0], 0, -1)):
        return Anomaly.LIST_GAP
    if len(numbers) == len(expected.versions):
        return Anomaly.CONTENT
    return Anomaly.STALE if len(numbers) < len(expected.versions) else Anomaly.UNASKED


def _card(said: Said) -> Shown:
    if isinstance(said, Revealed):
        return said.card
    assert isinstance(said, Shown)
    return said
