"""What must still be there, by the time that has really passed; and what was given out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.doubles.vault_ledger import TENANT
from vault.adapters.memory.tables import Tables
from vault.domain.card import Card, CardKey

NEVER = 1 << 62


class Sent(NamedTuple):
    """A request id that took effect, and for which card; `behind`: as the wall was then."""

    request_id: str
    token: str
    true_us: int
    behind: bool


@dataclass(slots=True)
class Book:
    """Dues are by the wall as it stood at the call, which an honest vault stamps.

    While the wall is ahead that is later than the caller meant, and while it is behind, earlier:
    the second is a limit that RELIABILITY.md names.
    """

    expiries: dict[str, int] = field(default_factory=dict)  # by time to live
    deletions: dict[str, int] = field(default_factory=dict)  # by the end of the grace
    versions: dict[tuple[str, int], int] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)
    purged: Counter[str] = field(default_factory=Counter)

    def due(self, token: str) -> int:
        """Return when a card's contents may go."""
        return min(self.expiries.get(token, NEVER), self.deletions.get(token, NEVER))

    def early(self, tables: Tables, true_us: int) -> Iterator[str]:
        """Name what is gone before its time."""
        for token in self.expiries:
            card = tables.cards[CardKey(TENANT, token)]
            if card.sealed is None and true_us < self.due(token):
                yield f"the contents of {token} went {self.due(token) - true_us} µs early"
        for (token, version), due in self.versions.items():
            card = tables.cards[CardKey(TENANT, token)]
            there = (TENANT, token, version) in tables.versions
            if card.sealed is not None and not there and true_us < due:
                yield f"version {version} of {token} went {due - true_us} µs early"
        for name, times in self.ids.items():
            if times > 1:
                yield f"the id {name} was given out {times} times"

    def late(self, tables: Tables, true_us: int) -> Iterator[str]:
        """Name what is still there though its time is long over."""
        for token in self.expiries:
            card = tables.cards[CardKey(TENANT, token)]
            if self.due(token) <= true_us:
                self.purged["contents"] += 1
                if card.sealed is not None:
                    yield f"the contents of {token} never went"
        for (token, version), due in self.versions.items():
            if due <= true_us:
                self.purged["versions"] += 1
                if (TENANT, token, version) in tables.versions:
                    yield f"version {version} of {token} never went"

    def stored(self, card: Card) -> None:
        """Note a new card."""
        self.ids[card.token] += 1
        self.expiries[card.token] = card.expire_time or NEVER
