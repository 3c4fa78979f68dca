"""A channel's bounds: what a good answer file looks like as a whole, and what one outside says.

A file that closes half of the cards, or gives many of them one number, is more likely a mistake
than the truth. It is held until an operator releases it (`account-updater.md`, section C; the
blueprint, "Updater").
"""

from collections.abc import Sequence
from dataclasses import dataclass

from updater.domain.feed import HoldReason


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that passes without a look. Shares count from `from_records` records on.

    Shares are of the file's records, 0 to 1. `many_to_one`: how many numbers may become one.
    `unasked`: how many records may answer what nobody asked.
    """

    closed_share: float = 0.2
    changed_share: float = 0.6
    many_to_one: int = 2
    unasked: int = 0
    from_records: int = 50


@dataclass(frozen=True, slots=True)
class Tally:
    """A file as a whole: records, those that close or change a card, and what else counts.

    `many_to_one` is the most different numbers that become one; `unasked` leaves out rows that
    continue a chain of the same file.
    """

    records: int = 0
    closed: int = 0
    changed: int = 0
    many_to_one: int = 0
    unasked: int = 0


@dataclass(frozen=True, slots=True)
class Excess:
    """One thing that is out of bounds: how many, and of a share out of how many records."""

    reason: HoldReason
    count: int
    of: int = 0

    def __str__(self) -> str:
        """Return what an operator is told: `CLOSED_SHARE:900/1000`, `UNASKED_ANSWERS:1`."""
        told = f"{self.reason.value}:{self.count}"
        return f"{told}/{self.of}" if self.of else told


def outside(tally: Tally, bounds: Bounds) -> Sequence[Excess]:
    """Return everything that is out of bounds, the gravest first: at most one for each reason."""
    found: list[Excess] = []
    if tally.unasked > bounds.unasked:
        found.append(Excess(HoldReason.UNASKED_ANSWERS, tally.unasked))
    if tally.many_to_one > bounds.many_to_one:
        found.append(Excess(HoldReason.MANY_TO_ONE, tally.many_to_one))
    if tally.records >= bounds.from_records:
        if tally.closed > bounds.closed_share * tally.records:
            found.append(Excess(HoldReason.CLOSED_SHARE, tally.closed, tally.records))
        if tally.changed > bounds.changed_share * tally.records:
            found.append(Excess(HoldReason.CHANGED_SHARE, tally.changed, tally.records))
    return found
