"""Draw what happens to a row, a file or a request: by the seed and their identity alone.

Nothing depends on the order in which requests come or are answered, nor on the process.
"""

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from updater.simulator.disturbances import Disturbances

_WHOLE: Final = 2**32
_SPREAD: Final = 3  # the days after the first one that a chain may need
_unpack: Final = struct.Struct("<16I").unpack


def limit(percent: float) -> int:
    """Return the limit below which a 32-bit draw falls with a probability of `percent`."""
    return round(percent / 100 * _WHOLE)


def drawer(seed: int, subject: str) -> Callable[[str], Sequence[int]]:
    """Return what draws 16 independent 32-bit numbers for each identity within `subject`."""
    key = hashlib.sha256(f"cardvault fate 1 {seed} {subject}".encode()).digest()

    def draw(identity: str) -> Sequence[int]:
        return _unpack(hashlib.blake2b(identity.encode(), key=key).digest())

    return draw


class Fate(NamedTuple):
    """Say what happens to the answer about one card in one request."""

    day: int = 0
    omit: bool = False
    omit_news: bool = False
    duplicate: bool = False
    repeat: bool = False
    move: int | None = None  # a rank among those that change places
    move_copy: int | None = None
    contradict: bool = False
    correct: bool = False
    take_back: bool = False  # the correction says that nothing had changed
    spread: bool = False
    reverse: bool = False
    cut: bool = False
    unasked: bool = False
    unasked_closed: bool = False
    unknown_code: bool = False
    numbered: bool = False
    burst: bool = False


_UNTOUCHED: Final = Fate()


class Fates:
    """Draw the fates of cards, for one seed and script."""

    def __init__(self, seed: int, days: Sequence[float], rates: Disturbances) -> None:
        self._draw: Final = drawer(seed, "row")
        self._draw_request: Final = drawer(seed, "request")
        self._touched: Final = rates.touch_rows
        self._ends: Final = [limit(end) for end in accumulate(days)][:-1]
        self._limit: Final = {
            name: limit(value)
            for name in rates.__slots__
            if not isinstance(value := getattr(rates, name), bool)
        }

    def day(self, case: str, number: str) -> int:
        """Return the day on which a card's first row is sent, from 0."""
        return self._day_of(self._draw(f"{case} {number}")[0]) if self._ends else 0

    def may_speak(self, case: str, number: str, day: int) -> bool:
        """Tell whether some row about `number` may be sent on a day: a cheap first look.

        It may say yes where nothing is sent, but never no where something is.
        """
        draws = self._draw(f"{case} {number}")
        later = day - (self._day_of(draws[0]) if self._ends else 0)
        if later <= 0:
            return later == 0
        hit = self._limit
        last = _SPREAD if draws[9] < hit["chain_spread"] else draws[7] < hit["corrections"]
        return later <= last + (draws[3] < hit["repeat_rows"])

    def of_row(self, case: str, number: str, *, burst: bool) -> Fate:
        """Return what happens to the answer about `number` in the request named by `case`."""
        if not self._touched and not self._ends:
            return _UNTOUCHED
        draws = self._draw(f"{case} {number}")
        if not self._touched:
            return Fate(day=self._day_of(draws[0]))
        hit = self._limit
        return Fate(
            day=self._day_of(draws[0]),
            omit=draws[1] < hit["omit"],
            omit_news=draws[1] < hit["omit_news"],
            duplicate=draws[2] < hit["duplicate_rows"],
            repeat=draws[3] < hit["repeat_rows"],
            move=draws[4] if draws[4] < hit["reorder"] else None,
            move_copy=draws[5] if draws[5] < hit["reorder"] else None,
            contradict=draws[6] < hit["contradict"],
            correct=draws[7] < hit["corrections"],
            take_back=draws[8] < _WHOLE // 3,
            spread=draws[9] < hit["chain_spread"],
            reverse=draws[10] < hit["chain_reversed"],
            cut=draws[11] < hit["chain_cuts"],
            unasked=draws[12] < hit["unasked"],
            unasked_closed=bool(draws[8] & 1),
            unknown_code=draws[13] < hit["unknown_codes"],
            numbered=draws[14] < hit["closed_with_number"],
            burst=burst and draws[15] < _WHOLE // 10 * 9,
        )

    def bursts(self, case: str) -> bool:
        """Tell whether most cards of a request are told closed."""
        share = self._limit["closed_bursts"]
        return share > 0 and self._draw_request(case)[0] < share

    def of_file(self, case: str, number: int) -> Sequence[int]:
        """Return draws for file `number` of a request's answer."""
        return self._draw_request(f"{case} {number}")

    def _day_of(self, draw: int) -> int:
        return bisect_right(self._ends, draw)
