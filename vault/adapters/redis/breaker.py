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

    The wait before a probe doubles from 0.5 s to 5 s.
    """

    def __init__(self, clock: Clock) -> None:
        self.counts: Final = Counts()
        self._clock: Final = clock
        self._failures = 0
        self._hold_s = 0.0  # 0 while closed
        self._until = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Tell whether callers are refused."""
        return self._hold_s > 0

    def admit(self) -> Admission | None:
        """Let a caller through, or not. Whoever is let through calls `ended`."""
        admission: Admission | None = "call"
        if self.open:
            waits = self._probing or self._clock.monotonic() < self._until
            admission = None if waits else "probe"
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
        elif not self.open and self._failures >= FAILURES:
            self._hold_s = FIRST_HOLD_S
            self.counts.opened += 1
        else:
            return  # still closed, or a call from before it opened
        self._until = self._clock.monotonic() + self._hold_s
