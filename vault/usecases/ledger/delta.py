"""What a flush writes, with the preconditions that make it safe.

A store writes all of it in one transaction and fails it whole with `Conflict` when a card's
revision, a pointer, a request id, a fingerprint, the chain head or the control row is no longer
what the decision was made on; or where a card that another process has just brought would be a
lost pointer's heir.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vault.domain.audit import AuditRow, ChainHead
from vault.domain.card import Card, CardKey, ExistingKey, Version
from vault.domain.events import OutboxRow
from vault.domain.imprint import Imprint, ImprintKey
from vault.domain.parked import ParkedChange, ParkedKey, ParkedRow
from vault.usecases.ledger.state import AppliedKey, Control, NumberKey, RequestRecord

# A parked answer's key and its look time as it was read; behind them the new one, if it changes.
ParkedLook = tuple[str, str, int, int]
ParkedGone = tuple[str, str, int]
# How old a card is among those of one customer and number: its create time and its token.
Age = tuple[int, str]
YOUNGEST: Final[Age] = ((1 << 63) - 1, "")  # that of no card at all: any live one is older


def age_of(card: Card) -> Age:
    """Return how old a card is: the least is the oldest."""
    return card.create_time, card.token


class CardChange(NamedTuple):
    """A card's new row; `base` is the revision it replaces, 0 for a card that is new."""

    base: int
    card: Card


class PointerChange(NamedTuple):
    """What Tokenize will find: `old` is what the pointer must still say (None: nothing)."""

    old: str | None
    new: str | None


@dataclass(slots=True)
class Delta:
    """One flush's rows."""

    base_head: ChainHead
    control: Control
    head: ChainHead
    cards: dict[CardKey, CardChange] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    dropped_versions: list[tuple[str, str, int]] = field(default_factory=list)
    numbers: dict[NumberKey, str] = field(default_factory=dict)
    known_numbers: dict[NumberKey, str] = field(default_factory=dict)  # as they were read
    dropped_numbers: list[tuple[NumberKey, str]] = field(default_factory=list)
    pointers: dict[ExistingKey, PointerChange] = field(default_factory=dict)
    # Cards that a choice was made by and the flush does not change, at the revision that was read.
    relied: dict[CardKey, int] = field(default_factory=dict)
    # Pointers that a change of the card they were at may have freed, and how old the card is that
    # has each now. No live card of that customer and number, beside the flush's own, may be older.
    heirs: dict[ExistingKey, Age] = field(default_factory=dict)
    requests: list[RequestRecord] = field(default_factory=list)
    applied: list[tuple[AppliedKey, str, int]] = field(default_factory=list)
    imprints: dict[ImprintKey, Imprint] = field(default_factory=dict)
    undone: dict[ImprintKey, tuple[str, str]] = field(default_factory=dict)  # was, is
    dropped_imprints: set[CardKey] = field(default_factory=set)  # all that were there
    parked: dict[ParkedKey, ParkedChange] = field(default_factory=dict)
    due: dict[NumberKey, None] = field(default_factory=dict)  # no rows: the next flush's, in order
    audit: list[AuditRow] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    ended_chains: list[ChainHead] = field(default_factory=list)

    def change(self, base: int, card: Card) -> None:
        """Note a card's new row; what a choice relies on is then its base."""
        key = card.key
        known = self.cards.get(key)
        self.cards[key] = CardChange(known.base if known else base, card)
        self.relied.pop(key, None)

    def rely_on(self, card: Card) -> None:
        """Note that a choice was made by a card as it is, which must still be so at the write."""
        if card.key not in self.cards:
            self.relied[card.key] = card.revision

    def parked_rows(self) -> tuple[list[ParkedRow], list[ParkedLook], list[ParkedGone]]:
        """Return the parked answers to add, those with a new look time, and those that go.

        Of what was there, the look time that was read must still stand.
        """
        added: list[ParkedRow] = []
        looked: list[ParkedLook] = []
        gone: list[ParkedGone] = []
        for base, row in self.parked.values():
            if base is None:
                if row is not None:
                    added.append(row)
            elif row is None:
                gone.append((*base.key, base.look_time))
            elif row.look_time != base.look_time:
                looked.append((*base.key, base.look_time, row.look_time))
        return added, looked, gone

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to write (a flush of replays alone)."""
        return not self.audit
