"""How several processes share the leases that they ask for; decided by each one, without a clerk.

Two rules, on what all can read (who asks for what, and how many each one has):

- A free lease is left for one turn to a process that asks for it and has fewer.
- A process that has at least two more than another one that asks gives one back, once it is between
  two turns of that work.

A lease moves only from who has more to who has fewer, so every move makes it more even, and none
leads back. One is given at most every SPAN; what was given in vain, because nobody took it, at most
every RELUCTANT spans. With one process nobody asks, and nothing is left or given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

RELUCTANT: Final = 20


class Seen(NamedTuple):
    """What the database says of one lease: whether it is free, and who else asks for it.

    `least` is how many leases that one of the others has that has the fewest; None: no other asks.
    """

    free: bool
    least: int | None


class Sharing:
    """One process's decisions. Times are seconds of any clock that only goes forward."""

    def __init__(self, turn_s: float, span_s: float) -> None:
        self._turn_s: Final = turn_s
        self._span_s: Final = span_s
        self._left: Final = dict[str, float]()
        self._given: str | None = None
        self._not_before = float("-inf")

    def leaves(self, name: str, mine: int, seen: Seen, now: float) -> bool:
        """Tell whether a lease that this process hasn't got is left to another one for now."""
        if not seen.free or seen.least is None or seen.least >= mine:
            self._left.pop(name, None)
            if self._given == name and not seen.free:
                self._given = None  # somebody has it
            return False
        return now < self._left.setdefault(name, now + self._turn_s)

    def gives(self, mine: Collection[str], seen: Mapping[str, Seen], now: float) -> str | None:
        """Return the lease to give back now, if there is one; it is `given` once it is free."""
        if now < self._not_before or self._in_vain(mine, now):
            return None
        found = [name for name in mine if self.owes(len(mine), seen.get(name))]
        return max(found, default=None)

    @staticmethod
    def owes(mine: int, seen: Seen | None) -> bool:
        """Tell whether another process should have a lease of this one, which has `mine`."""
        return seen is not None and seen.least is not None and mine - seen.least >= 2

    def given(self, name: str, now: float) -> None:
        """Note that a lease was given back: others have two turns to take it."""
        self._given = name
        self._left[name] = now + 2 * self._turn_s
        self._not_before = now + self._span_s

    def _in_vain(self, mine: Collection[str], now: float) -> bool:
        """Tell whether what was given came back, for nobody took it."""
        if self._given not in mine:
            return False
        self._given = None
        self._not_before = now + RELUCTANT * self._span_s
        return True
