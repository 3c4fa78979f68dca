"""Tell of one card: which rows are sent about it, on which days, and what they amount to."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from updater.simulator.fate import Fate
from updater.simulator.ledger import Expiry, Outcome, Truth
from updater.simulator.numbers import CardNumber
from updater.simulator.request import Question
from updater.simulator.rows import Row, Says


class Kind(StrEnum):
    """Say why a row is sent."""

    ANSWER = "answer"
    DUPLICATE = "duplicate"  # to the letter, in the same file
    REPEAT = "repeat"  # on a later day
    CONTRADICTION = "contradiction"
    WRONG = "wrong"  # to be corrected
    CORRECTION = "correction"
    UNASKED = "unasked"


class Mark(StrEnum):
    """Say what is unusual about what was sent of a card."""

    REFUSED = "refused"  # turned away before a network was asked
    UNTOLD = "untold"  # the format has no code for it, so the card is left out
    OMITTED = "omitted"
    CONTRADICTED = "contradicted"
    CORRECTED = "corrected"
    UNKNOWN_CODE = "unknown code"
    BURST = "closed burst"
    CHAIN = "chain"
    CYCLE = "cycle"
    SPREAD = "spread"  # the steps are in files of different days
    REVERSED = "reversed"
    CUT = "cut"  # the first step is missing
    DUPLICATED = "duplicated"
    REPEATED = "repeated"
    MOVED = "moved"  # not where the question was
    LOST = "lost"  # in a file that can't be read, and that didn't come again


class Sent(NamedTuple):
    """One row on its day; `move` is a rank among the rows that change places, if it does."""

    day: int
    row: Row
    kind: Kind
    move: int | None


class Subject(NamedTuple):
    """A card that was asked about, what became of it, and what its answer meets with."""

    question: Question
    pan: CardNumber
    expiry: Expiry | None
    fate: Fate
    truths: Sequence[Truth]


class Story:
    """Hold what is sent of a card, and what its holder knows who has all of it."""

    __slots__ = ("chain", "determined", "expiry", "marks", "outcome", "says", "sent")

    def __init__(self, outcome: Outcome | None, says: Says | None) -> None:
        self.outcome: Final = outcome  # the issuers'; None: none was asked
        self.says: Final = says  # the first true row's; None: there is none
        self.sent: list[Sent] = []
        self.marks: list[Mark] = []
        self.chain: list[CardNumber] = []  # from the number asked about to the final one
        self.expiry: Expiry | None = None  # None: neither asked nor told
        self.determined = True

    def send(self, day: int, row: Row, kind: Kind, fate: Fate) -> None:
        """Add a row."""
        self.sent.append(Sent(day, row, kind, fate.move))
