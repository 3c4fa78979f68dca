"""What updaters asked an acquirer, what it answered, and what their cards came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

STEP: Final = 1_000_000
"""From a number's counter to that of the number it is answered with."""


@dataclass(slots=True)
class Ended:
    """One card when all is over: what it holds, by its number's counter, and its version."""

    counter: int
    version: int


@dataclass(slots=True)
class Answered:
    """What was asked and answered, by the counters of numbers; the cards by their first one."""

    asked: Counter[int] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    ended: dict[int, Ended] = field(default_factory=dict)

    def breaches(self) -> list[str]:
        """Name what was asked, sent or applied twice, or never."""
        found = [f"a file was sent {times} times" for times in self.files.values() if times > 1]
        found += [
            f"a number was asked about {times} times" for times in self.asked.values() if times > 1
        ]
        lengths_found = Counter[int]()
        for first, card in self.ended.items():
            chain = 0
            while self.asked[first + chain * STEP]:
                chain += 1
            lengths_found[chain] += 1
            if card.counter != first + chain * STEP:
                found.append(f"after {chain} answers a card holds number {card.counter // STEP}")
            if card.version != 1 + chain:
                found.append(f"after {chain} answers a card has version {card.version}")
        if len(lengths_found) > 1:
            found.append(f"cards by the number of their answers: {dict(lengths_found)}")
        if 0 in lengths_found:
            found.append("cards were never asked about")
        return found
