"""What the clients of a kill test asked for and what they were told: nothing of the server's.

Card numbers appear as the counters that made them, so that a history can be printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto


class Kind(StrEnum):
    """A change, named as its audit record's action."""

    TOKENIZE = "card.tokenize"
    UPDATE = "card.update"
    SET_STATUS = "card.set_status"
    DELETE = "card.delete"
    UNDELETE = "card.undelete"


class End(Enum):
    """How a call ended for its client."""

    OPEN = auto()  # never answered, or in doubt and given up: it may have happened or not
    DONE = auto()
    REFUSED = auto()


@dataclass(slots=True)
class Change:
    """One intended change. `wants` names the fields it sets and their values after it."""

    client: int
    kind: Kind
    request_id: str
    token: str = ""  # of a Tokenize: as answered
    wants: Mapping[str, str | int] = field(default_factory=dict)
    attempts: int = 0
    end: End = End.OPEN
    revision: int = 0  # as answered


@dataclass(slots=True)
class Reveal:
    """One attempt to reveal; each has a request id of its own, but for those in a batch."""

    client: int
    token: str
    request_id: str  # empty: part of a batch
    wants: int  # the number that must come, by its counter
    end: End = End.OPEN
    seen: int = -1  # the number that came; -1: none, or none of ours


@dataclass(slots=True, frozen=True)
class Read:
    """One answered masked read, and the revision that had been acknowledged to this client."""

    token: str
    floor: int
    revision: int


@dataclass(slots=True)
class History:
    """Everything that all clients did, in no order but each client's own."""

    changes: list[Change] = field(default_factory=list)
    reveals: list[Reveal] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)  # statuses that no kill explains

    def acknowledged(self) -> int:
        """Count the calls that got a definite answer."""
        return len(self.changes) + len(self.reveals) - self.in_doubt() + len(self.reads)

    def retried(self) -> int:
        """Count the changes whose first attempt was in doubt."""
        return sum(change.attempts > 1 for change in self.changes)

    def in_doubt(self) -> int:
        """Count the calls that never got an answer."""
        ends = [change.end for change in self.changes] + [reveal.end for reveal in self.reveals]
        return ends.count(End.OPEN)
