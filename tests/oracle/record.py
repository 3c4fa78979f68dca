"""What a proof has to judge: what the simulator knows and sent, and what vault and updater tell.

Plain values, so that a judgement can be made, and falsified, on a few of them written by hand.
Nothing here comes from the updater's or the vault's code, and no repr shows a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Contents(NamedTuple):
    """A number and an expiry as (year, month)."""

    number: str
    expiry: tuple[int, int]

    def __repr__(self) -> str:
        return "<Contents>"


@dataclass(frozen=True, slots=True, repr=False)
class Stored:
    """A card as it went into the vault. `account` is empty where nobody agreed to updates."""

    token: str
    tenant: str
    account: str
    contents: Contents


@dataclass(frozen=True, slots=True, repr=False)
class Truth:
    """What the simulator's ledger says of one card that was asked about.

    `chain` are all numbers from the one asked about to the final one. `status` and `marks` are the
    simulator's words; `determined`: whoever reads all that was sent can tell where the card stands.
    """

    inquiry: str
    final: Contents
    chain: tuple[str, ...]
    status: str
    determined: bool
    news: bool
    marks: frozenset[str]


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """A card as the vault's API shows it at the end. Holds are `TYPE/merchant account`."""

    contents: Contents | None
    status: str
    holds: frozenset[str]
    version: int


class Sent(StrEnum):
    """What kind of file the simulator put into an inbox."""

    GOOD = "good"
    COPY = "copy"  # the same bytes under a second name
    UNUSABLE = "unusable"  # truncated, a wrong trailer, or contradicting a good one


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of the simulator's ledger; `records` counts its rows about cards.

    `again` are other names of the same bytes: whichever is seen first is the file, and the others
    are its copies.
    """

    channel: str
    name: str
    what: Sent
    records: int
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldFile:
    """One file as the updater's API shows it; `counts` are its answers by disposition."""

    feed_id: str
    channel: str
    name: str
    state: str
    inquiry: str
    records: int
    counts: Mapping[str, int]
    duplicate_of: str = ""
    decided_by: str = ""


class ToldAnswer(NamedTuple):
    """One answer as ListFeedAnswers shows it; `disposition` is empty where it wasn't sent.

    `own`: the updater's own decision, which the vault never heard of.
    """

    ordinal: int
    token: str
    outcome: str
    disposition: str
    own: bool = False


class ToldException(NamedTuple):
    """One open or settled exception as ListExceptions shows it."""

    kind: str
    feed_id: str
    ordinal: int
    token: str
    inquiry: str


@dataclass(slots=True)
class Traces:
    """What files and exceptions tell of one card: answers that brought contents, exceptions."""

    applied: int = 0
    exceptions: int = 0


@dataclass(frozen=True, slots=True)
class VaultCounts:
    """What the vault's own tables hold: answers decided, one for each card, and still parked."""

    decided: int
    waiting: int


@dataclass(slots=True)
class Ledgers:
    """Totals that have to agree, of both sides; filled while a proof reads."""

    rows: Counter[str] = field(default_factory=Counter)
    """Rows by what became of them, each row once."""
    sent: Counter[str] = field(default_factory=Counter)
    """Rows that the simulator sent, by kind of file."""
    told: int = 0
    """Answers about cards that were brought to the vault."""
    parked: int = 0
    """Answers by number that the vault said it would keep."""


class Breach(StrEnum):
    """What a judgement can find wrong."""

    CARD_MISSING = "a card is not there"
    CONTENTS = "number or expiry are not the ledger's"
    STATUS = "the status is not the ledger's"
    HOLDS = "the holds are not the ledger's"
    VERSIONS = "it has more or fewer versions than steps"
    TOUCHED = "it was changed, and nobody had asked about it"
    OTHER_TENANT = "another tenant's card was changed"
    GUESSED = "it was changed, and nobody could tell to what"
    NO_TRACE = "it is undecided, and neither parked nor an exception"
    UNRULED = "the ledger calls it undetermined for no reason known here"
    FILE_LOST = "a file that was sent is not accounted for"
    FILE_UNSENT = "a file is accounted for that was never sent"
    FILE_STATE = "a file is not in the state it has to be in"
    ROW_LOST = "a row of a file is not accounted for"
    ROW_UNSENT = "a row is accounted for that was never sent"
    COUNTS = "a file's counts are not those of its answers"
    EXCEPTION_LOST = "an answer for an operator has no exception"
    EXCEPTION_UNFOUNDED = "an exception is about an answer that needs none"
    TWICE = "more answers were applied to a card than it has versions"
    TOTALS = "the totals do not balance"
    VAULT_TOTALS = "the vault's own totals are not those of the updater"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: where (a token, a file's name; never a number), and why."""

    breach: Breach
    where: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.breach.value}" + (f" ({self.why})" if self.why else "")
