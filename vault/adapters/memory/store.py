"""`Store` in memory: checks every precondition first, then changes everything at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from vault.adapters.memory.tables import Tables, check_storable
from vault.domain.audit import GENESIS, ChainHead
from vault.domain.card import Card, CardKey
from vault.usecases.ledger.delta import Delta, age_of
from vault.usecases.ledger.links import (
    HOLDERS,
    SIBLINGS,
    linked_pointers,
    pointer_of,
    sibling_groups,
)
from vault.usecases.ledger.state import Holder, NumberKey, RequestKey, State, Want
from vault.usecases.ports import Conflict, StoreBroken


class MemoryStore:
    """`Store` over `Tables`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, chain: str, want: Want) -> State:
        """Read for a flush; see `vault.usecases.ports.Store`."""
        tables = self._tables
        named = (want.cards, want.requests, want.numbers, want.applied, want.imprints)
        for keys in (*named, want.parked_ids, want.parked_days):
            check_storable(value for key in keys for value in key)
        if chain in tables.ended:
            raise StoreBroken("a successor has ended this process's audit chain")
        state = State(tables.heads.get(chain, ChainHead(chain, 0, GENESIS)), tables.control)
        self._keep(state, want.cards)
        state.requests = {
            key: tables.requests[key] for key in want.requests if key in tables.requests
        }
        self._keep(state, (CardKey(row.tenant, row.token) for row in state.requests.values()))
        state.numbers = {key: tables.numbers[key] for key in want.numbers if key in tables.numbers}
        for version in sorted(tables.versions.values()):
            key = CardKey(version.tenant, version.token)
            if key in want.versions:
                state.versions.setdefault(key, []).append(version)
        for _key, imprint in sorted(tables.imprints.items()):
            key = CardKey(imprint.tenant, imprint.token)
            if key in want.imprints:
                state.imprints.setdefault(key, []).append(imprint)
        self._follow_pointers(want, state)
        self._find_holders(want, state)
        state.applied = {
            key: tables.applied[key][0] for key in want.applied if key in tables.applied
        }
        self._find_parked(want, state)
        return state

    async def write(self, delta: Delta) -> None:
        """Write a flush; see `vault.usecases.ports.Store`."""
        await asyncio.sleep(0)  # as with a database, others get their turn meanwhile
        _check_rows(delta)
        self._check_heads(delta)
        self._check_cards(delta)
        self._check_new_keys(delta)
        self._change(delta)

    def _keep(self, state: State, keys: Iterable[CardKey]) -> None:
        for key in keys:
            card = self._tables.cards.get(key)
            if card is not None:
                state.cards[key] = card

    def _follow_pointers(self, want: Want, state: State) -> None:
        for key in linked_pointers(want, state):
            token = self._tables.existing.get(key)
            if token is not None:
                state.existing[key] = token
                self._keep(state, (CardKey(key.tenant, token),))
        for group in sibling_groups(want, state):
            alike = [
                card
                for card in self._tables.cards.values()
                if pointer_of(card, card.fingerprint) == group and _findable(card)
            ]
            alike.sort(key=age_of)
            self._keep(state, (card.key for card in alike[: SIBLINGS + len(want.siblings)]))

    def _find_holders(self, want: Want, state: State) -> None:
        for number in want.holders:
            fingerprint = state.numbers.get(number)
            if fingerprint is None:
                continue
            for rows in self._tables.bearers(number.tenant, fingerprint):
                for row in rows[:HOLDERS]:
                    card = self._tables.cards[CardKey(row.tenant, row.token)]
                    told = (card.fingerprint == fingerprint, card.status, card.kind)
                    holder = Holder(row.credential_version, *told, card.expire_time)
                    state.hold(number, card.key, holder)
                if len(rows) > HOLDERS:
                    state.cut.add(number)

    def _find_parked(self, want: Want, state: State) -> None:
        rows = self._tables.parked.values()
        for row in rows:
            if NumberKey(row.tenant, row.mac) in want.parked or row.key in want.parked_ids:
                state.park(row)
        for day in want.parked_days:
            state.parked_days[day] = sum(row.counted == day for row in rows)

    def _check_heads(self, delta: Delta) -> None:
        tables, base = self._tables, delta.base_head
        head = tables.heads.get(base.chain)
        moved = head is not None if not base.sequence else head != base
        if moved or base.chain in tables.ended or tables.control != delta.control:
            raise Conflict("the chain's head or the control row has moved")
        for ended in delta.ended_chains:
            if tables.heads.get(ended.chain) != ended or ended.chain in tables.ended:
                raise Conflict("a chain to end has moved")

    def _check_cards(self, delta: Delta) -> None:
        tables = self._tables
        for key, (base, _card) in delta.cards.items():
            held = tables.cards.get(key)
            if base != (held.revision if held is not None else 0):
                raise Conflict("a card's revision has moved")
        for key, revision in delta.relied.items():
            held = tables.cards.get(key)
            if held is None or held.revision != revision:
                raise Conflict("a card that a choice was made by has changed")
        for card in tables.cards.values() if delta.heirs else ():
            heir = delta.heirs.get(pointer_of(card, card.fingerprint))
            if heir and _findable(card) and card.key not in delta.cards and age_of(card) < heir:
                raise Conflict("a card has come that a lost pointer goes to")
        for pointer, (old, new) in delta.pointers.items():
            if (old, new) != (None, None) and tables.existing.get(pointer) != old:
                raise Conflict("a pointer has moved")
        if any(tables.numbers.get(key) != known for key, known in delta.known_numbers.items()):
            raise Conflict("a number has been forgotten since the flush read it")

    def _check_new_keys(self, delta: Delta) -> None:
        tables = self._tables
        versions = [row[:3] for row in delta.versions]
        for keys, held in (
            ([RequestKey(*row[:3]) for row in delta.requests], tables.requests),
            (list(delta.numbers), tables.numbers),
            ([key for key, _disposition, _time in delta.applied], tables.applied),
            (list(delta.imprints), tables.imprints),
            ([row.key for row in delta.parked_rows()[0]], tables.parked),
            (versions, tables.versions),
            ([(row.chain, row.sequence) for row in delta.audit], tables.audit),
            ([(row.token, row.revision, row.tenant) for row in delta.outbox], tables.outbox),
        ):
            if len(set(keys)) != len(keys) or any(key in held for key in keys):
                raise Conflict("a row is there already")
        for change in delta.parked.values():
            if change.base is not None:
                held_row = tables.parked.get(change.base.key)
                if held_row is None or held_row.look_time != change.base.look_time:
                    raise Conflict("a parked answer is not what it was")
        if not set(delta.dropped_versions) <= tables.versions.keys() | set(versions):
            raise Conflict("a version has gone since the flush read it")
        for key, (was, _told) in delta.undone.items():
            if key not in tables.imprints or tables.imprints[key].undone != was:
                raise Conflict("an imprint has gone, or been undone, since the flush read it")

    def _change(self, delta: Delta) -> None:
        tables = self._tables
        tables.heads[delta.head.chain] = delta.head
        tables.ended.update(head.chain for head in delta.ended_chains)
        tables.cards.update({key: change.card for key, change in delta.cards.items()})
        tables.versions.update({row[:3]: row for row in delta.versions})
        for version in set(delta.dropped_versions):
            del tables.versions[version]
        tables.numbers.update(delta.numbers)
        tables.requests.update({RequestKey(*row[:3]): row for row in delta.requests})
        tables.applied.update({key: (disposition, at) for key, disposition, at in delta.applied})
        for gone in [key for key in tables.imprints if key[:2] in delta.dropped_imprints]:
            del tables.imprints[gone]
        for key, (_was, told) in delta.undone.items():
            tables.imprints[key] = tables.imprints[key]._replace(undone=told)
        tables.imprints.update(delta.imprints)
        for parked, (_base, row) in delta.parked.items():
            if row is None:
                del tables.parked[parked]
            else:
                tables.parked[parked] = row
        tables.audit.update({(row.chain, row.sequence): row for row in delta.audit})
        tables.outbox.update({(row.token, row.revision, row.tenant): row for row in delta.outbox})
        for pointer, change in delta.pointers.items():
            if change.new is None:
                tables.existing.pop(pointer, None)
            else:
                tables.existing[pointer] = change.new
        for number, _fingerprint in delta.dropped_numbers:
            fingerprint = tables.numbers.get(number)
            if fingerprint is not None and not any(tables.bearers(number.tenant, fingerprint)):
                del tables.numbers[number]


def _findable(card: Card) -> bool:
    return card.live_at(0) and not card.expire_time


def _check_rows(delta: Delta) -> None:
    for change in delta.cards.values():
        check_storable(change.card)
    for rows in (delta.versions, delta.requests, delta.audit, delta.outbox):
        for row in rows:
            check_storable(row)
    for number, fingerprint in delta.numbers.items():
        check_storable((*number, fingerprint))
    for imprint in delta.imprints.values():
        check_storable(imprint)
    for parked in delta.parked_rows()[0]:
        check_storable(parked)
    for key, disposition, time in delta.applied:
        check_storable((*key, disposition, time))
