"""The reference: what each transaction should have left, and what was told to whom.

`twin` makes every change in the store under test and then in the store in memory, which shares no
code with it. What is promised comes from what callers heard: by its origin, each entry finds its
own audit record, and with it the transaction that all of it has to be in.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from tests.power.tables import Changes, Follower, Place, State, put, state_of
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.domain.card import Card
from vault.domain.intents import ApplyByNumber, Entry
from vault.domain.outcome import Applied, Outcome, Replayed
from vault.domain.queries import Checkpoint
from vault.domain.results import Disposition, NumberUpdateResult


class Told(NamedTuple):
    """Something that somebody was told: in which transaction it is, and where to look for it."""

    transaction: int
    what: str
    places: tuple[Place, ...]
    checkpoint: Checkpoint | None = None


@dataclass
class Reference:
    """All transactions in their order, and all that was told."""

    tables: Tables = field(default_factory=Tables)
    transactions: list[Changes] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # promises that no transaction ever held

    def __post_init__(self) -> None:
        self.engine = engine_over(self.tables)
        self.first = state_of(self.tables)
        self._follower = Follower(self.tables)
        self._by_origin: dict[str, tuple[int, Place]] = {}

    @property
    def now(self) -> int:
        """Return the number of the last transaction; 0 before the first."""
        return len(self.transactions)

    async def also(self, work: Awaitable[object]) -> None:
        """Do in memory what was done on disk; it is one transaction, unless it changed nothing."""
        await work
        changes = self._follower.changes()
        if not changes:
            return
        self.transactions.append(changes)
        for place, row in changes.items():
            if place.table == "audit" and row is not None:
                origin = json.loads(row[3]).get("origin", "")
                self._by_origin[origin] = (self.now, place)

    def hear(self, entry: Entry, outcome: Outcome) -> Told | None:
        """Note what a caller was told. What is told and was never written is a broken promise."""
        if not isinstance(outcome, Applied | Replayed):
            return None
        origin = entry.caller.origin
        what = f"{origin} {type(entry.intent).__name__}"
        places = list(_places_told(entry, outcome.value))
        if isinstance(outcome, Applied):
            at, place = self._by_origin.get(origin, (0, None))
            if place is None:
                self.broken.append(f"{what} was told, and no transaction has its audit record")
                return None
            places.append(place)
        else:
            at = self.now
        if entry.mark is not None:
            what += f", request {entry.mark.request_id}"
        missing = [place for place in places if not self._there(place)]
        if missing or any(self._ahead(card) for card in _cards_told(outcome.value)):
            table = missing[0].table if missing else "cards"
            self.broken.append(f"{what} was told, and nothing has its row in {table}")
            return None
        return self._note(at, what, places)

    def hear_act(self, what: str, checkpoint: Checkpoint | None = None) -> Told:
        """Note that somebody was told that an act is done."""
        return self._note(self.now, what, [], checkpoint)

    def _note(
        self, at: int, what: str, places: Sequence[Place], checkpoint: Checkpoint | None = None
    ) -> Told:
        named = [f"{place.table} {'/'.join(map(_shown, place.key))}" for place in places]
        told = Told(at, ", ".join([what, *named]), tuple(places), checkpoint)
        self.told.append(told)
        return told

    def _there(self, place: Place) -> bool:
        held: dict[str, Any] = {
            "cards": self.tables.cards,
            "requests": self.tables.requests,
            "audit": self.tables.audit,
            "parked_updates": self.tables.parked,
        }
        return place.key in held[place.table]

    def _ahead(self, card: Card) -> bool:
        """Tell whether a caller saw a card as it never was."""
        held = self.tables.cards.get(card.key)
        return (
            held is None
            or held.revision < card.revision
            or (held.revision == card.revision and held != card)
        )

    def states(self) -> Iterator[State]:
        """Return the state before the first transaction and after each; it is one, and changes."""
        state = {name: dict(rows) for name, rows in self.first.items()}
        yield state
        for changes in self.transactions:
            put(state, changes)
            yield state


def _shown(value: object) -> str:
    return value.hex()[:8] if isinstance(value, bytes) else str(value)


def _cards_told(value: object) -> Iterator[Card]:
    """Return the cards that an outcome shows."""
    each = [value, *value.cards] if isinstance(value, NumberUpdateResult) else [value]
    for one in each:
        card = getattr(one, "card", None)
        if isinstance(card, Card):
            yield card


def _places_told(entry: Entry, value: object) -> Iterator[Place]:
    """Return where to look for what an outcome says: the card, the request, what is parked."""
    tenant, principal = entry.caller.tenant, entry.caller.principal
    for card in _cards_told(value):
        yield Place("cards", (card.tenant, card.token))
    if isinstance(value, NumberUpdateResult) and value.disposition is Disposition.PARKED:
        said = cast("ApplyByNumber", entry.intent).said
        yield Place("parked_updates", (tenant, said.update_id))
    if entry.mark is not None:
        yield Place("requests", (tenant, principal, entry.mark.request_id))
