"""What undoing files should come to, written once more in the plainest way: stacks of words.

Every word about a card lies on a stack, with what the card was before it. An undone word is marked;
marked words on top are taken off, and the card is what it was before them. Each hold has a stack of
its own. People's words are never marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from vault.domain.card import Card, Hold, holds_of

PERSON = ""


class Account(NamedTuple):
    """What networks and people say of a card; the number as its fingerprint."""

    fingerprint: str
    expiry: int
    status: str
    unconfirmed: bool
    times: tuple[int, ...]

    @classmethod
    def of(cls, card: Card) -> Account:
        """Return what a card says now."""
        return cls(
            card.fingerprint, card.expiry, card.status, card.expiry_unconfirmed, tuple(card.times)
        )


@dataclass
class Word:
    """Who said something, and what the card was before; None where it stayed as it was."""

    source: str
    before: Account | None
    undone: bool = False


@dataclass
class HoldWords:
    """Of a hold that is there: who placed it, and who spoke of it since."""

    words: list[Word] = field(default_factory=list)

    @property
    def stands(self) -> bool:
        """Tell whether somebody's word for it stands."""
        return not all(word.undone for word in self.words)


@dataclass
class RevertModel:
    """One card's stacks."""

    account: list[Word] = field(default_factory=list)
    holds: dict[Hold, HoldWords] = field(default_factory=dict)

    def hear(self, source: str, before: Card, after: Card, *, account: bool, again: bool) -> None:
        """Take note of a word; `again`: of the account, it says what the card had already."""
        if account:
            self.account.append(Word(source, None if again else Account.of(before)))
        for hold in holds_of(after) - holds_of(before):
            self.holds[hold] = HoldWords([Word(source, None)])
        for hold in holds_of(before) - holds_of(after):
            self.holds.pop(hold, None)

    def speak_of(self, source: str, hold: Hold) -> None:
        """Take note that somebody else says of a hold that is there."""
        self.holds[hold].words.append(Word(source, None))

    def revert(self, source: str, now: Account) -> Account:
        """Undo a source's words; return what the account is then, and drop the holds that go."""
        for word in self.account:
            word.undone = word.undone or word.source == source
        while self.account and self.account[-1].undone:
            before = self.account.pop().before
            now = before if before is not None else now
        for hold, said in list(self.holds.items()):
            for word in said.words:
                word.undone = word.undone or word.source == source
            if not said.stands:
                del self.holds[hold]
        return now
