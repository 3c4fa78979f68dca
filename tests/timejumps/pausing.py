"""Stop parts for a while (SIGSTOP), one after the other, and note what came of it."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.e2e.kills.history import History

SHORTEST_S: Final = 1.0
LONGEST_S: Final = 60.0
_REST_S: Final = (1.0, 3.0)


async def _nothing(_name: str, _seconds: float) -> None:
    """Do nothing: who wakes goes on."""


@dataclass(slots=True)
class Paused:
    """What came of a part's pauses."""

    pauses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    acknowledged: int = 0
    in_doubt: int = 0
    events: int = 0
    again: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # as it is documented
    fenced: int = 0  # who woke and found that others had gone on without it
    counts: dict[str, int] = field(default_factory=dict)  # what else was done, as the page says it
    found: list[str] = field(default_factory=list)

    def take(self, history: History) -> None:
        """Count what clients were told."""
        self.acknowledged += history.acknowledged()
        self.in_doubt += history.in_doubt()


def lengths(chance: random.Random, pauses: int, longest_s: float) -> list[float]:
    """Return how long to pause: the shortest and the longest, and as many of each magnitude."""
    between = [SHORTEST_S * (longest_s / SHORTEST_S) ** chance.random() for _ in range(pauses - 2)]
    return [SHORTEST_S, *between, longest_s][-pauses:]


async def pause_each(
    paused: Paused,
    chance: random.Random,
    plan: list[float],
    parts: Mapping[str, Callable[[signal.Signals], None]],
    woken: Callable[[str, float], Awaitable[None]] = _nothing,
) -> None:
    """Stop one part after the other, each in turn, for as long as the plan says.

    `woken` is awaited a while after each: who woke, and how long it had been stopped, in seconds.
    """
    for number, seconds in enumerate(plan):
        name = list(parts)[number % len(parts)]
        parts[name](signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            parts[name](signal.SIGCONT)
        paused.pauses[name] += 1
        paused.seconds.append(seconds)
        await asyncio.sleep(chance.uniform(*_REST_S))
        await woken(name, seconds)
    await asyncio.sleep(_REST_S[1])
