"""Which calls are traced: those whose caller's trace is, within a bound, and a share of the others.

Asked for every call before anything else is done for it, so it looks at one header and no more.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

from chassis.redaction import redact

HEADER: Final = "traceparent"
_FORMAT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED: Final = 1
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


def clean(identifier: str) -> bool:
    """Tell whether a trace's or span's id can't be taken for a card number.

    Callers choose these digits, and they reach logs, spans and events.
    """
    return redact(identifier)[1] == 0


def parent_of(traceparent: str) -> tuple[int, int, int] | None:
    """Return trace id, span id and flags of a W3C traceparent; None for anything else."""
    found = _FORMAT.fullmatch(traceparent)
    if found is None:
        return None
    trace, span, flags = found.groups()
    if trace == _NO_TRACE or span == _NO_SPAN or not clean(trace) or not clean(span):
        return None
    return int(trace, 16), int(span, 16), int(flags, 16)


class Sampling:
    """Decides. A caller's own decision is kept, either way; where there is none, `ratio` holds.

    A header that isn't exactly one traceparent is nobody's decision to trace. At most `most_per_s`
    calls a second are traced, for whoever may call at all may also ask for it every time.
    """

    def __init__(
        self,
        ratio: float,
        most_per_s: int,
        *,
        clock: Callable[[], float] = monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._ratio: Final = ratio
        self._most: Final = float(most_per_s)
        self._clock: Final = clock
        self._uniform: Final = uniform
        self._left = self._most
        self._filled = clock()

    def wanted(self, traceparent: str | None) -> bool:
        """Tell whether to trace the call that came with this header."""
        if traceparent is None:
            return self._uniform() < self._ratio and self._room()
        # The flags' last digit is odd: most calls that are not sampled are told apart by that.
        if traceparent[-1:] not in "13579bdf":
            return False
        parent = parent_of(traceparent)
        return parent is not None and bool(parent[2] & _SAMPLED) and self._room()

    def wanted_among(self, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
        """Tell it from all of a call's metadata, as gRPC has them."""
        found: str | None = None
        for key, value in metadata:
            if key == HEADER:
                # Joined as in `RawCall.metadata`: two of them are none.
                text = value if isinstance(value, str) else ""
                found = text if found is None else f"{found},{text}"
        return self.wanted(found)

    def _room(self) -> bool:
        """Take one of the places that a second has; a second's worth may be saved up."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._filled) * self._most)
        self._filled = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
