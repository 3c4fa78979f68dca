"""The ports that a flush and a masked read use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from vault.adapters.postgres.address import Address
from vault.adapters.postgres.connection import Link, Rows, pooled
from vault.adapters.postgres.reading import cards_reading, reading, state_of
from vault.adapters.postgres.sql import CARD, VERSION, Arguments, listed
from vault.adapters.postgres.writing import locking, writing
from vault.domain.card import Card, CardKey, Version
from vault.domain.queries import CardQuery
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want

VERSIONS_AFTER = (
    f"SELECT {listed(VERSION, 'v')} FROM card_versions AS v"  # noqa: S608 - constants only
    " WHERE v.tenant = $1 AND v.token = $2 AND v.credential_version > $3"
    " ORDER BY v.credential_version LIMIT $4"
)


class PostgresStore:
    """`Store`: two round trips a flush, on a connection of its own.

    A flush that forgets numbers (an erasure) takes more: it locks them first.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.chains: set[str] = set()  # that this process writes, and whose leases it renews

    async def read(self, chain: str, want: Want) -> State:
        """Read for a flush; see `vault.usecases.ports.Store`."""
        return state_of(chain, await self._link.read(*reading(chain, want)))

    async def write(self, delta: Delta) -> None:
        """Write a flush; see `vault.usecases.ports.Store`."""
        self.chains.add(delta.head.chain)
        first = locking(delta)
        if first is None:
            await self._link.write(*writing(delta))
        else:
            await self._link.write_behind(first, *writing(delta))


class Reads:
    """Short reads from the pool."""

    def __init__(self, pool: asyncpg.Pool, address: Address) -> None:
        self._pool = pool
        self._address = address

    async def rows(self, sql: str, values: Sequence[Any]) -> Rows:
        """Return all rows of a statement. Raises StoreError."""
        return await pooled(self._pool, self._address, sql, values)


class PostgresCardReader:
    """`CardReader`."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Return the cards that exist, tombstones included."""
        rows = await self._reads.rows(*cards_reading(keys))
        return {card.key: card for card in map(Card._make, rows)}

    async def list_cards(self, query: CardQuery) -> list[Card]:
        """Return up to `query.limit` cards behind `query.after_token`, in token order."""
        return [Card._make(row) for row in await self._reads.rows(*listing(query))]

    async def versions(self, key: CardKey, after: int, limit: int) -> list[Version]:
        """Return superseded versions numbered above `after`, oldest first."""
        rows = await self._reads.rows(VERSIONS_AFTER, (*key, after, limit))
        return [Version._make(row) for row in rows]


def listing(query: CardQuery) -> tuple[str, list[Any]]:
    """Return the statement that answers a query, and its values."""
    arguments = Arguments()
    one = arguments.one
    where = [f"c.tenant = {one(query.tenant)}", f"c.token > {one(query.after_token)}"]
    if query.fingerprint:
        where.append(f"c.fingerprint = {one(query.fingerprint)} AND c.fingerprint <> ''")
    if query.customer:
        where.append(f"c.customer = {one(query.customer)} AND c.customer <> ''")
    if query.kind:
        where.append(f"c.kind = {one(query.kind)}")
    if query.changed_since:
        where.append(f"c.update_time >= {one(query.changed_since)}")
    if query.expires_before:
        where.append(f"c.expiry > 0 AND c.expiry < {one(query.expires_before)}")
    if query.statuses:
        where.append(
            f"CASE WHEN c.expire_time > 0 AND c.expire_time <= {one(query.now, 'bigint')}"
            f" THEN 'DELETED' ELSE c.status END = ANY({one(list(query.statuses), 'text[]')})"
        )
    if query.brands:
        where.append(f"c.brand = ANY({one(list(query.brands), 'text[]')})")
    statement = (
        f"SELECT {listed(CARD, 'c')} FROM cards AS c WHERE {' AND '.join(where)}"  # noqa: S608
        f" ORDER BY c.token LIMIT {one(query.limit)}"
    )
    return statement, arguments.values
