"""What concurrent clients asked of one card, when, and what they were told: no look inside.

Card numbers appear as the counters that made them, so that a history can be printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """A call, by its method."""

    TOKENIZE = "Tokenize"
    UPDATE = "UpdateCard"
    STATUS = "SetCardStatus"
    DELETE = "DeleteCard"
    UNDELETE = "UndeleteCard"
    GET = "GetCard"
    VERSIONS = "ListCardVersions"
    REVEAL = "Detokenize"


READS = frozenset({Kind.GET, Kind.VERSIONS, Kind.REVEAL})


class Ask(NamedTuple):
    """What was asked. `intent` counts a history's request ids: attempts at one change share it."""

    kind: Kind
    intent: int = -1
    revision: int = 0  # expected; 0: not compared
    number: int = 0  # by its counter; 0: stays as it is
    expiry: int = 0
    tag: str = ""
    status: str = ""


class Shown(NamedTuple):
    """A masked card in an answer."""

    revision: int
    version: int
    status: str
    number: int  # by its last four digits
    expiry: int
    tag: str
    created: bool | None = None  # of a Tokenize only


class Revealed(NamedTuple):
    """A card in the clear, and the masked one beside it."""

    number: int  # by all of its digits
    expiry: int
    card: Shown


class Listed(NamedTuple):
    """A card's versions in the order of the answer: version, number, expiry."""

    versions: tuple[tuple[int, int, int], ...]


class Refused(NamedTuple):
    """A no, with its reason; nothing was changed."""

    reason: str


Said = Shown | Revealed | Listed | Refused


@dataclass(slots=True)
class Op:
    """One attempt of one client. Times are ticks that all clients share.

    Without an answer it may have happened at any time after it was asked, or never.
    """

    client: int
    ask: Ask
    asked: int
    answered: int | None = None
    said: Said | None = None

    def __str__(self) -> str:
        ask = self.ask
        wants = [
            f"{name} {value}" for name, value in zip(ask._fields[2:], ask[2:], strict=True) if value
        ]
        intent = f" intent {ask.intent}" if ask.intent >= 0 else ""
        when = f"[{self.asked}, {'?' if self.answered is None else self.answered}]"
        said = "in doubt" if self.said is None else str(self.said)
        return f"{when} client {self.client} {ask.kind}{intent} {', '.join(wants)} -> {said}"
