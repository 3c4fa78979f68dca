"""What must hold in every seed, and where a run notes that it did not."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from tests.seeds.loop import SeededLoop


class Promise(StrEnum):
    """The invariants, by what a report calls them (specs, A2: I1-I5 and I8)."""

    KEPT = "what was acknowledged is there"
    ONCE = "one effect a request id"
    STABLE = "a call in doubt ends in one answer"
    UNDONE = "what was not applied stays undone"
    RECORDED = "no reveal before its record is durable"
    CHAINS = "audit chains are gapless, linked, and one writer's"
    SIGNED = "checkpoints are signed, linked, and cover every record in the end"
    EVENTS = "every event is delivered, in order for its card, and none of what was not committed"
    RIGHT = "every decision is what the plain model decides"
    FOUND = "Tokenize finds the oldest live card of a customer and number"
    REVISIONS = "revisions and versions are gapless, and each has its event"
    SWEPT = "nothing goes early, nothing held goes, and everything due goes"
    KEYS = "no key is used past its maximum age, or once dropped"
    CALM = "keys are unwrapped once for all who wait, and a failing KMS is asked ever less"
    LIVES = "no process ends but by a kill, a stop, or its chain's end"
    SETTLES = "once all is well everything settles in bounded time"


class Violation(NamedTuple):
    """A broken promise: when, and in what way. Names tokens and numbers of calls, no card's."""

    promise: Promise
    at: float
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what} (at {self.at:.3f} s)"


class Findings:
    """Keeps the first violation, and ends the run with it: what follows would be its echo."""

    def __init__(self, loop: SeededLoop) -> None:
        self._loop: Final = loop
        self.violations: Final[list[Violation]] = []
        self.closed = False

    def broken(self, promise: Promise, what: str) -> None:
        """Note a broken promise."""
        if not self.closed:
            self.violations.append(Violation(promise, self._loop.time(), what))
        self._loop.halted = True

    def check(self, holds: object, promise: Promise, what: str) -> bool:
        """Note a broken promise unless it holds; tell whether it does."""
        if not holds:
            self.broken(promise, what)
        return bool(holds)
