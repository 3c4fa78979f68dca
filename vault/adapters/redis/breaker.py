"""A breaker: who is away is not asked by everybody, and found again by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from chassis.clock import Clock

FAILURES: Final = 2
"""In a row. One may be a connection that died of age."""
FIRST_HOLD_S: Final = 0.5
MOST_HOLD_S: Final = 5.0

Admission = Literal["call", "probe"]


@dataclass(slots=True)
class Counts:
    """What happened, since the start."""

    calls: int = 0
    failures: int = 0
    opened: int = 0
    refused: int = 0


class Breaker:
    """Closed: all may call. Open: nobody may, then one probe at a time, until one succeeds.

    The wait before a probe doubles from 0.5 s to 5 s. A breaker may stand for parts that have
    breakers of their own, made by `part()`.
    """

    def __init__(self, clock: Clock, counts: Counts | None = None) -> None:
        """Count in `counts`, which several breakers may share."""
        self.counts: Final = counts or Counts()
        self._clock: Final = clock
        self._failures = 0
        self._hold_s = 0.0  # 0 while closed
        self._until = 0.0
        self._probing = False
        self._parts: list[Breaker] = []

    @property
    def open(self) -> bool:
        """Tell whether callers are refused, here or at a part."""
        return self._held or any(part.open for part in self._parts)

    @property
    def resting(self) -> bool:
        """Tell whether a call now would be refused without being tried."""
        return self._held and (self._probing or self._clock.monotonic() < self._until)

    @property
    def _held(self) -> bool:
        return self._hold_s > 0

    def part(self) -> Breaker:
        """Return a breaker for one of several servers; it counts with this one."""
        made = Breaker(self._clock, self.counts)
        self._parts.append(made)
        return made

    def without(self, part: Breaker) -> None:
        """Forget a part: its server is no longer one of ours."""
        self._parts.remove(part)

    def admit(self) -> Admission | None:
        """Let a caller through, or not. Whoever is let through calls `ended`."""
        admission: Admission | None = "call"
        if self._held:
            admission = None if self.resting else "probe"
        if admission is None:
            self.counts.refused += 1
        else:
            self.counts.calls += 1
            self._probing = admission == "probe"
        return admission

    def ended(self, admission: Admission, answered: bool | None) -> None:  # noqa: FBT001
        """Take in how a call ended; None: its caller gave up, which says nothing."""
        if admission == "probe":
            self._probing = False
        if answered:
            self._failures, self._hold_s = 0, 0.0
        elif answered is not None:
            self.counts.failures += 1
            self._failures += 1
            self._failed(admission)

    def _failed(self, admission: Admission) -> None:
        if admission == "probe":
            self._hold_s = min(2 * self._hold_s, MOST_HOLD_S)
        elif not self._held and self._failures >= FAILURES:
            self._hold_s = FIRST_HOLD_S
            self.counts.opened += 1
        else:
            return  # still closed, or a call from before it opened
        self._until = self._clock.monotonic() + self._hold_s
