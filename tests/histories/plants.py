"""Stores that break a promise once: what the checker is for, each of them must be caught and named.

A plant stands around the store, around what reads cards, or between a client and the handlers. It
waits until its fault would matter, breaks the promise, and says that it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from google.protobuf.message import Message

from tests.histories.clients import Send
from tests.histories.explain import Anomaly
from tests.histories.history import Kind
from vault.adapters.engine import Engine
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.queries import CardQuery
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import CommitInDoubt, StoreUnavailable

_ANY: Final = frozenset(Anomaly) - {
    Anomaly.NUMBER,
    Anomaly.LIST_GAP,
    Anomaly.LIST_ORDER,
    Anomaly.LIST_TWICE,
}
"""A store that lost or made up a change is given away by whatever comes next."""


class Plant:
    """Nothing is wrong yet. `named` is what the checker may call it."""

    fault: ClassVar[str]
    named: ClassVar[frozenset[Anomaly]]

    def __init__(self) -> None:
        self.tables = Tables()
        self._real = engine_over(self.tables)
        self.struck = 0

    @property
    def engine(self) -> Engine:
        """Return the spoilt store."""
        spoilt: Any = self  # it is a `Store` and a `CardReader`
        return replace(self._real, store=spoilt, reader=spoilt)

    async def read(self, chain: str, want: Want) -> State:
        return await self._real.store.read(chain, want)

    async def write(self, delta: Delta) -> None:
        await self._real.store.write(delta)

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        return await self._real.reader.cards(keys)

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        return {key: card.edition for key, card in (await self.cards(keys)).items()}

    async def list_cards(self, query: CardQuery) -> list[Card]:
        return await self._real.reader.list_cards(query)

    async def list_tokens(self, query: CardQuery) -> list[str]:
        return await self._real.reader.list_tokens(query)

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        return await self._real.reader.versions(key, below, limit)

    async def send(self, inner: Send, kind: Kind, request: Message) -> Any:
        return await inner(kind, request)

    def first(self) -> bool:
        """Tell, once, that now is the time."""
        self.struck += 1
        return self.struck == 1


class StaleRead(Plant):
    fault = "a read shows what a card was long ago"
    named = frozenset({Anomaly.STALE})

    def __init__(self) -> None:
        super().__init__()
        self._old: dict[CardKey, Card] = {}

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        found = dict(await super().cards(keys))
        for key, card in found.items():
            old = self._old.setdefault(key, card)
            if card.revision >= old.revision + 4 and self.first():
                found[key] = old
        return found


class LostUpdate(Plant):
    fault = "a change is acknowledged and not written"
    named = _ANY

    async def write(self, delta: Delta) -> None:
        if any(card.revision > 2 for _base, card in delta.cards.values()) and self.first():
            return
        await super().write(delta)


class DoubleEffect(Plant):
    fault = "a request id is forgotten: sent again it takes effect again, or is refused"
    named = _ANY

    async def write(self, delta: Delta) -> None:
        kept = [row for row in delta.requests if row.outcome]  # of a Tokenize
        self.struck += len(delta.requests) - len(kept)
        delta.requests[:] = kept
        await super().write(delta)


class Future(Plant):
    fault = "a read shows what nobody has asked for yet"
    named = frozenset({Anomaly.UNASKED})

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        found = dict(await super().cards(keys))
        for key, card in found.items():
            if card.revision > 3 and self.first():
                found[key] = card._replace(revision=card.revision + 40)
        return found


class Exposed(Plant):
    """Shows a change before it is committed."""

    def __init__(self) -> None:
        super().__init__()
        self.exposed: dict[CardKey, Card] = {}

    def worth_it(self, delta: Delta) -> bool:
        """Tell whether it is time; not where a list would give it away, too."""
        late = any(card.revision > 2 for _base, card in delta.cards.values())
        return late and not delta.versions

    async def expose(self, delta: Delta, turns: int) -> None:
        """Let readers see a change for some turns."""
        self.exposed = {key: change.card for key, change in delta.cards.items()}
        for _turn in range(turns):
            await asyncio.sleep(0)
        self.exposed = {}


class DirtyRead(Exposed):
    fault = "a read shows a change that is rolled back"
    named = _ANY

    async def write(self, delta: Delta) -> None:
        if self.worth_it(delta):
            before = self.struck
            await self.expose(delta, 30)
            if self.struck > before:
                raise StoreUnavailable("rolled back")
        await super().write(delta)

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        found = dict(await super().cards(keys))
        for key in self.exposed.keys() & found.keys():
            self.struck += 1
            found[key] = self.exposed[key]
        return found


class Flicker(Exposed):
    fault = "one client's read shows a change, a later one of another client doesn't yet"
    named = _ANY

    _shown = False

    async def write(self, delta: Delta) -> None:
        if self.worth_it(delta):
            self._shown = False
            await self.expose(delta, 150)
        await super().write(delta)

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        found = dict(await super().cards(keys))
        for key in self.exposed.keys() & found.keys():
            if not self._shown:
                self._shown = True
                found[key] = self.exposed[key]
            else:
                self.struck += 1
        return found


class TornList(Plant):
    """What `ListCardVersions` did until this checker found it."""

    fault = "a list is put together of two reads with a change between them"
    named = frozenset({Anomaly.LIST_TWICE})

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        rows = await super().versions(key, below + 1, limit)
        if any(row.credential_version == below for row in rows):
            self.struck += 1
        return rows


class LateEffect(Plant):
    fault = "a change takes effect behind a later acknowledged one"
    named = _ANY

    _late: Card | None = None

    async def write(self, delta: Delta) -> None:
        await super().write(delta)
        for key, (_base, card) in delta.cards.items():
            late = self._late
            if late is None and card.revision > 2:
                self._late = card
            elif late is not None and late.key == key and late.metadata != card.metadata:
                self._overtaken(card, late)

    def _overtaken(self, card: Card, late: Card) -> None:
        if self.first():
            self.tables.cards[card.key] = card._replace(metadata=late.metadata)


class Unseen(Plant):
    fault = "a change in doubt is seen, and then was never there"
    named = _ANY

    _undo: tuple[Card, Delta] | None = None
    _looks = 0

    async def write(self, delta: Delta) -> None:
        before = self.tables.cards.get(next(iter(delta.cards))) if len(delta.cards) == 1 else None
        await super().write(delta)
        if self._undo is None and before is not None and not delta.versions:
            self._undo = before, delta
            raise CommitInDoubt("no answer")

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        found = await super().cards(keys)
        if self._undo is not None and self._undo[0].key in found and not self.struck:
            before, delta = self._undo
            now = found[before.key]
            if now.revision != before.revision + 1 or now.status != before.status:
                self._undo = None  # something came on top of it: try again
            elif self._looks < 2:
                self._looks += 1
            elif self.first():
                self._forget(before, delta)
        return found

    def _forget(self, before: Card, delta: Delta) -> None:
        self.tables.cards[before.key] = before
        for row in delta.versions:
            del self.tables.versions[row[:3]]
        for request in delta.requests:
            self.tables.requests.pop(
                next(key for key in self.tables.requests if key.request_id == request.request_id)
            )
        for event in delta.outbox:
            del self.tables.outbox[event.token, event.revision, event.tenant]


STORES: Final[tuple[type[Plant], ...]] = (
    StaleRead,
    LostUpdate,
    DoubleEffect,
    Future,
    DirtyRead,
    Flicker,
    TornList,
    LateEffect,
    Unseen,
)
