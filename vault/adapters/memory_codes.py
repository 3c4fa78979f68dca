"""Security codes in this process's memory: sealed, for minutes, never on disk.

Serves a single worker; with more, codes belong in Redis (`api.md`, "Security codes").
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from chassis.clock import Clock
from vault.domain.card import CardKey
from vault.domain.reasons import Reason, VaultError

REPEAT_S: Final = 30.0


@dataclass(slots=True, eq=False, repr=False)
class _Code:
    """A sealed code. `taken_by` is the request that took it, which may repeat until `expires`."""

    sealed: bytes
    expires: float
    taken_by: str | None = None


class MemorySecurityCodes:
    """`SecurityCodes` for one process, bounded in number; full means refused, never evicted."""

    def __init__(self, clock: Clock, most: int = 100_000) -> None:
        self._clock: Final = clock
        self._most: Final = most
        self._codes: dict[CardKey, _Code] = {}
        self._queue: list[tuple[float, int, CardKey, _Code]] = []  # by expiry
        self._added = 0

    def __len__(self) -> int:
        return len(self._codes)

    async def put(self, key: CardKey, sealed: bytes, ttl_s: float) -> None:
        """Keep a sealed code; a second one replaces the first.

        Raises VaultError(SECURITY_CODE_UNAVAILABLE) when there is no room.
        """
        self.expire()
        if key not in self._codes and len(self._codes) >= self._most:
            raise VaultError(Reason.SECURITY_CODE_UNAVAILABLE)
        self._keep(key, _Code(sealed, self._clock.monotonic() + ttl_s))

    async def exists(self, key: CardKey) -> bool:
        """Tell whether a code waits, or may still be taken again by the request that took it."""
        self.expire()
        return key in self._codes

    async def take(self, key: CardKey, repeat: str) -> bytes | None:
        """Take the code once; the same `repeat`, unless empty, gets it again for 30 s."""
        self.expire()
        code = self._codes.get(key)
        if code is None:
            return None
        if code.taken_by is not None:
            return code.sealed if code.taken_by == repeat else None
        if not repeat:
            del self._codes[key]
            return code.sealed
        self._keep(key, _Code(code.sealed, self._clock.monotonic() + REPEAT_S, repeat))
        return code.sealed

    def expire(self) -> None:
        """Forget what is over; every call does, and a timer may."""
        now = self._clock.monotonic()
        while self._queue and self._queue[0][0] <= now:
            _expires, _order, key, code = heapq.heappop(self._queue)
            if self._codes.get(key) is code:
                del self._codes[key]

    def _keep(self, key: CardKey, code: _Code) -> None:
        self._codes[key] = code
        self._added += 1
        heapq.heappush(self._queue, (code.expires, self._added, key, code))
        if len(self._queue) > 2 * self._most:  # codes replaced or taken leave their places behind
            self._queue = [item for item in self._queue if self._codes.get(item[2]) is item[3]]
            heapq.heapify(self._queue)
