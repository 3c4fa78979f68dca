"""The other ports over `Tables`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from vault.adapters.engine import Engine
from vault.adapters.memory.outbox import MemoryOutbox
from vault.adapters.memory.store import MemoryStore
from vault.adapters.memory.tables import Tables
from vault.crypto.keys import DataKey, KeyState
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.card import Card, CardKey, Edition, HoldType, Status, Version, holds_of
from vault.domain.queries import AuditQuery, CardQuery, Checkpoint
from vault.usecases.ledger.state import NumberKey
from vault.usecases.ports import Conflict


class MemoryCardReader:
    """`CardReader` and `FileReader`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Return the cards that exist, tombstones included."""
        return {key: self._tables.cards[key] for key in keys if key in self._tables.cards}

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        """Return which state the cards that exist are in."""
        return {key: card.edition for key, card in (await self.cards(keys)).items()}

    async def list_cards(self, query: CardQuery) -> list[Card]:
        """Return up to `query.limit` cards behind `query.after_token`, in token order."""
        cards = [card for card in self._tables.cards.values() if _selected(card, query)]
        return sorted(cards, key=lambda card: card.token)[: query.limit]

    async def list_tokens(self, query: CardQuery) -> list[str]:
        """Return the tokens of those cards."""
        return [card.token for card in await self.list_cards(query)]

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        """Return superseded versions numbered below `below`, newest first."""
        rows = sorted(self._tables.versions.values(), reverse=True)
        found = [row for row in rows if row[:2] == key and row.credential_version < below]
        return found[:limit]

    async def changed_by(self, tenant: str, source: str, after: str, limit: int) -> list[str]:
        """Return the tokens of cards that a source spoke of, behind `after`, in their order."""
        rows = self._tables.imprints.values()
        found = {row.token for row in rows if (row.tenant, row.source) == (tenant, source)}
        return sorted(token for token in found if token > after)[:limit]

    async def parked_by(
        self, tenant: str, channel: str, file: str, after: str, limit: int
    ) -> list[str]:
        """Return the update ids of a file's parked answers, behind `after`, in their order."""
        found = [
            row.update_id
            for row in self._tables.parked.values()
            if (row.tenant, row.channel, row.file) == (tenant, channel, file)
        ]
        return sorted(each for each in found if each > after)[:limit]


def _selected(card: Card, query: CardQuery) -> bool:
    return (
        card.tenant == query.tenant
        and card.token > query.after_token
        and (not query.customer or card.customer == query.customer)
        and (not query.fingerprint or card.fingerprint == query.fingerprint)
        and (not query.kind or card.kind == query.kind)
        and (not query.statuses or card.status_at(query.now) in query.statuses)
        and (not query.brands or card.brand in query.brands)
        and (not query.expires_before or 0 < card.expiry < query.expires_before)
        and card.update_time >= query.changed_since
    )


class MemoryHousekeeping:
    """`Housekeeping`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        """Return cards past grace or time to live whose contents are still there."""
        due = [
            card.key
            for card in self._tables.cards.values()
            if card.sealed is not None
            and not _held(card)
            and (card.expired_at(now) or (card.status == Status.DELETED and card.purge_time <= now))
        ]
        return due[:limit]

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        """Return superseded versions past their retention."""
        rows = sorted(self._tables.versions.values(), key=lambda row: row.purge_time)
        due = [
            (CardKey(row.tenant, row.token), row.credential_version)
            for row in rows
            if row.purge_time <= now
            and not _held(self._tables.cards[CardKey(row.tenant, row.token)])
        ]
        return due[:limit]

    async def purge_requests(self, before: int, limit: int) -> int:
        """Delete request records older than `before`; return how many went."""
        rows = sorted(self._tables.requests.items(), key=lambda item: item[1].create_time)
        old = [key for key, record in rows if record.create_time < before][:limit]
        for key in old:
            del self._tables.requests[key]
        return len(old)

    async def purge_answers(self, before: int, limit: int) -> int:
        """Delete what is remembered of updaters' answers from before `before`; return how many."""
        rows = sorted(self._tables.applied.items(), key=lambda item: item[1][1])
        old = [key for key, (_disposition, at) in rows if at < before][:limit]
        for key in old:
            del self._tables.applied[key]
        return len(old)

    async def parked_due(self, now: int, limit: int) -> list[NumberKey]:
        """Return the numbers whose parked answers are due to be decided again."""
        rows = sorted(self._tables.parked.values(), key=lambda row: row.look_time)
        due = [NumberKey(row.tenant, row.mac) for row in rows if 0 < row.look_time <= now]
        return list(dict.fromkeys(due[:limit]))

    async def purge_parked(self, now: int, limit: int) -> int:
        """Delete parked answers whose time is over; return how many."""
        rows = sorted(self._tables.parked.values(), key=lambda row: row.purge_time)
        old = [row.key for row in rows if row.purge_time <= now][:limit]
        for key in old:
            del self._tables.parked[key]
        return len(old)

    async def purge_imprints(self, before: int, limit: int) -> int:
        """Delete what answers left on cards before `before`; return how many rows went."""
        rows = sorted(self._tables.imprints.values(), key=lambda row: row.time)
        old = [row.key for row in rows if row.time < before][:limit]
        for key in old:
            del self._tables.imprints[key]
        return len(old)


def _held(card: Card) -> bool:
    return any(hold.type == HoldType.LEGAL_HOLD for hold in holds_of(card))


class MemoryAuditStore:
    """`AuditStore`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def open_chains(self) -> list[ChainHead]:
        """Return the chains that no successor has ended."""
        tables = self._tables
        return [tables.heads[chain] for chain in sorted(tables.heads.keys() - tables.ended)]

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        """Return the open chains: nobody else has this memory."""
        return await self.open_chains()

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        """Return a tenant's records by (chain, sequence), behind those two of `query.after`."""
        rows = [row for row in sorted(self._tables.audit.values()) if _audited(row, query)]
        return rows[: query.limit]

    async def audit_reach(self, after: tuple[str, int], records: int) -> tuple[str, int] | None:
        """Return the (chain, sequence) that many records behind `after`, if there are as many."""
        places = [place for place in sorted(self._tables.audit) if place > after]
        return places[records - 1] if len(places) >= records else None

    async def chain_records(self, chain: str, after: int, limit: int) -> list[AuditRow]:
        """Return a chain's records behind `after`, in order."""
        rows = sorted(self._tables.audit.values())
        return [row for row in rows if row.chain == chain and row.sequence > after][:limit]

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a signed checkpoint; numbers are gapless, a second one is a Conflict."""
        if checkpoint.number != len(self._tables.checkpoints) + 1:
            raise Conflict("this is not the next checkpoint's number")
        self._tables.checkpoints[checkpoint.number] = checkpoint

    async def checkpoints(
        self, before: int, limit: int, from_time: int = 0, to_time: int = 0
    ) -> list[Checkpoint]:
        """Return checkpoints numbered below `before`, newest first."""
        found = [
            row
            for number, row in sorted(self._tables.checkpoints.items(), reverse=True)
            if (not before or number < before)
            and from_time <= row.time
            and (not to_time or row.time < to_time)
        ]
        return found[:limit]

    async def last_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint."""
        return self._tables.checkpoints.get(len(self._tables.checkpoints))


def _audited(row: AuditRow, query: AuditQuery) -> bool:
    record = json.loads(row.record)
    wanted = {"action": query.action, "token": query.token, "principal": query.principal}
    return (
        record.get("tenant") == query.tenant
        and (row.chain, row.sequence) > query.after
        and (query.until is None or (row.chain, row.sequence) <= query.until)
        and row.time >= query.from_time
        and (not query.to_time or row.time < query.to_time)
        and all(not value or record.get(name) == value for name, value in wanted.items())
    )


class MemoryKeyStore:
    """`KeyStore`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """Return a tenant's keys, active ones first; `""` is the service's own."""
        keys = [key for key in self._tables.data_keys.values() if key.tenant == tenant]
        return sorted(keys, key=lambda key: (key.state, -key.created, key.key_id))

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        """Add keys; a Conflict where the tenant has an active one for a purpose already."""
        held = self._tables.data_keys
        together = [*held.values(), *keys]
        active = [(key.tenant, key.purpose) for key in together if key.state == KeyState.ACTIVE]
        if len(active) != len(set(active)) or len({key.key_id for key in together}) != len(
            together
        ):
            raise Conflict("there is an active key, or one of this id")
        held.update({key.key_id: key for key in keys})


@asynccontextmanager
async def open_memory() -> AsyncIterator[Engine]:
    """Open an empty store in memory, gone on exit."""
    yield engine_over(Tables())


def engine_over(tables: Tables) -> Engine:
    """Return all ports over one set of tables."""
    return Engine(
        store=MemoryStore(tables),
        reader=MemoryCardReader(tables),
        files=MemoryCardReader(tables),
        housekeeping=MemoryHousekeeping(tables),
        audit=MemoryAuditStore(tables),
        outbox=MemoryOutbox(tables),
        keys=MemoryKeyStore(tables),
    )
