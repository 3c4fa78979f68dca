"""What is measured, as data: operations, phases, and how much of each a run does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

Operation = Literal["Tokenize", "Detokenize", "BatchTokenize", "BatchDetokenize"]

OPERATIONS: Final[tuple[Operation, ...]] = (
    "Tokenize",
    "Detokenize",
    "BatchTokenize",
    "BatchDetokenize",
)
BATCH: Final = 100
GENERATORS: Final = 2
IN_FLIGHT: Final = (1, 16, 64)
REVEAL_SHARE: Final = 0.70
CALL_TIMEOUT_S: Final = 10.0
MOST_FAILURES: Final = 100
"""A phase with more stops early: it is invalid anyway."""


_MOST_CALLS_A_SECOND: Final = {
    # More than any server of today answers: so many requests are prepared per second of a phase.
    "Tokenize": 6_000,
    "Detokenize": 6_000,
    "BatchTokenize": 250,
    "BatchDetokenize": 1_000,
}
EMPTY_REQUESTS: Final = 100
"""The empty method doesn't look at what it is sent: so many requests are sent in turn."""
MOST_EMPTY_CALLS_A_SECOND: Final = 6_000


def cards_in(operation: Operation) -> int:
    """Return how many cards one call handles."""
    return BATCH if operation.startswith("Batch") else 1


@dataclass(frozen=True, slots=True)
class Phase:
    """One generator's share of one measured phase; what the runner sends it.

    Ends at `seconds` or after `most_calls`, whichever is first. `empty` sends the operation's
    requests to the empty method instead. `first_card` is where this share's cards begin: no two
    shares of a run overlap. `rate` (calls a second) makes it an open loop over the mix.
    """

    operation: Operation
    empty: bool
    in_flight: int
    seconds: float
    most_calls: int
    first_card: int
    rate: float = 0.0


def shared_out(phase: Phase, first_cards: Iterator[int]) -> list[Phase]:
    """Divide a phase between the generators; one call in flight can't be divided.

    `first_cards` says where each share's cards begin.
    """
    sharers = min(GENERATORS, phase.in_flight)
    in_flight, most = phase.in_flight // sharers, max(1, phase.most_calls // sharers)
    return [
        replace(phase, in_flight=in_flight, most_calls=most, first_card=next(first_cards))
        for _ in range(sharers)
    ]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a run does; every number bounds a loop."""

    name: str
    fill_cards: int
    rounds: int
    phase_seconds: float
    open_loop_rate: float
    open_loop_seconds: float
    budget_calls: int
    syncs: int
    read_seconds: float
    operations: tuple[Operation, ...] = OPERATIONS
    in_flight: tuple[int, ...] = IN_FLIGHT

    @property
    def whole(self) -> bool:
        """Tell whether nothing is left out."""
        return self.operations == OPERATIONS and self.in_flight == IN_FLIGHT

    def most_calls(self, operation: Operation) -> int:
        """Return how many calls a phase may make at most."""
        return max(100, int(self.phase_seconds * _MOST_CALLS_A_SECOND[operation]))


FULL: Final = Plan(
    name="full",
    fill_cards=20_000,
    rounds=3,
    phase_seconds=2.0,
    open_loop_rate=1_000.0,
    open_loop_seconds=60.0,
    budget_calls=100,
    syncs=500,
    read_seconds=0.5,
)
QUICK: Final = Plan(
    name="quick",
    fill_cards=1_000,
    rounds=1,
    phase_seconds=0.4,
    open_loop_rate=1_000.0,
    open_loop_seconds=3.0,
    budget_calls=20,
    syncs=100,
    read_seconds=0.05,
)
