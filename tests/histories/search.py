"""Decide whether a history is linearizable: whether one order of its calls explains every answer.

The search of Wing and Gong, with Lowe's memory of what was tried: a set of calls and the card that
they left. A call that was answered before another was asked comes before it; a call that was never
answered comes anywhere behind its asking, or nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.histories.history import Op, Said
from tests.histories.model import State, answer

MOST_STEPS: Final = 400_000


@dataclass(slots=True)
class Verdict:
    """What came of it. `blocked` is the answer that no order gets past, with the card there."""

    linearizable: bool
    steps: int
    blocked: Op | None = None
    state: State = field(default_factory=State)
    before: tuple[Op, ...] = ()  # the order that got there


@dataclass(slots=True)
class _Level:
    """A call that was put next, the card before it, and what else may be put there."""

    op: int
    before: State
    others: Iterator[tuple[int, State]]


def judge(ops: Sequence[Op], start: State | None = None, most_steps: int = MOST_STEPS) -> Verdict:
    """Look for an order. Raises RuntimeError beyond the most steps: it is not decided then."""
    return _Search(ops, most_steps).run(start or State())


class _Search:
    def __init__(self, ops: Sequence[Op], most_steps: int) -> None:
        ordered = sorted(ops, key=lambda op: op.asked)
        answered = [op for op in ordered if op.answered is not None]
        self._certain: Final = len(answered)
        # Behind the others: what nobody was told of is tried only where nothing else fits.
        self._ops: Final = answered + [op for op in ordered if op.answered is None]
        # What is left, linked both ways; behind the last place is the list's head and end.
        self._next: Final = [*range(1, self._certain + 1), 0]
        self._last: Final = [self._certain, *range(self._certain)]
        self._used = 0
        self._tried: Final[set[tuple[int, State]]] = set()
        self._left = self._certain
        self._most_steps: Final = most_steps
        self._steps = 0
        self._furthest = -1
        self._verdict = Verdict(linearizable=True, steps=0)

    def run(self, state: State) -> Verdict:
        levels: list[_Level] = []
        others = self._fitting(state, levels)
        while self._left:
            found = next(others, None)
            if found is None:
                if not levels:
                    self._verdict.linearizable = False
                    break
                level = levels.pop()
                self._put_back(level.op)
                state, others = level.before, level.others
                continue
            op, after = found
            self._take(op)
            if (self._used, after) in self._tried:
                self._put_back(op)
                continue
            self._tried.add((self._used, after))
            levels.append(_Level(op, state, others))
            state = after
            others = self._fitting(state, levels)
        self._verdict.steps = self._steps
        return self._verdict

    def _fitting(self, state: State, levels: list[_Level]) -> Iterator[tuple[int, State]]:
        """Yield what may come next and is explained by the card, with the card behind it."""
        ops, first = self._ops, self._ops[self._next[self._certain]]
        candidates = []
        at = self._next[self._certain]
        while at != self._certain and ops[at].asked <= _end(first):
            if _end(ops[at]) < _end(first):
                first = ops[at]
            candidates.append(at)
            at = self._next[at]
        effects = []
        for at in candidates:
            after, said = self._answer(state, at)
            if said != ops[at].said:
                continue
            if after is state:
                # It changes nothing and fits: whatever order there is, it may stand here in it.
                yield at, after
                self._stuck(first, state, levels)
                return
            effects.append((at, after))
        yield from effects
        for at in range(self._certain, len(ops)):
            if self._used >> at & 1 or ops[at].asked > _end(first):
                continue
            after, _said = self._answer(state, at)
            if after is not state:  # without an effect it may as well never have happened
                yield at, after
        self._stuck(first, state, levels)

    def _answer(self, state: State, at: int) -> tuple[State, Said]:
        self._steps += 1
        if self._steps > self._most_steps:
            raise RuntimeError("the history was not decided in the most steps")
        return answer(state, self._ops[at].ask)

    def _stuck(self, first: Op, state: State, levels: list[_Level]) -> None:
        """Remember the deepest place behind which nothing fits, at the furthest answer."""
        verdict = self._verdict
        if (_end(first), len(levels)) > (self._furthest, len(verdict.before)):
            self._furthest = _end(first)
            verdict.blocked, verdict.state = first, state
            verdict.before = tuple(self._ops[level.op] for level in levels)

    def _take(self, at: int) -> None:
        self._used |= 1 << at
        if at < self._certain:
            before, behind = self._last[at], self._next[at]
            self._next[before], self._last[behind] = behind, before
            self._left -= 1

    def _put_back(self, at: int) -> None:
        self._used &= ~(1 << at)
        if at < self._certain:
            before, behind = self._last[at], self._next[at]
            self._next[before] = self._last[behind] = at
            self._left += 1


def _end(op: Op) -> int:
    assert op.answered is not None
    return op.answered
