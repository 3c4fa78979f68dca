"""The ports that a flush and a masked read use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.postgres.connection import Link, Reads
from chassis.postgres.sql import Arguments, listed
from vault.adapters.postgres.reading import cards_reading, editions_reading, reading, state_of
from vault.adapters.postgres.sql import CARD, VERSION
from vault.adapters.postgres.writing import locking, writing
from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.queries import CardQuery
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want

VERSIONS_BELOW = (
    f"SELECT {listed(VERSION, 'v')} FROM card_versions AS v"  # noqa: S608 - constants only
    " WHERE v.tenant = $1 AND v.token = $2 AND v.credential_version < $3"
    " ORDER BY v.credential_version DESC LIMIT $4"
)
CHANGED_BY = (
    "SELECT DISTINCT i.token FROM imprints AS i WHERE i.tenant = $1 AND i.source = $2"
    " AND i.source <> '' AND i.token > $3 ORDER BY i.token LIMIT $4"
)
PARKED_BY = (
    "SELECT p.update_id FROM parked_updates AS p WHERE p.tenant = $1 AND p.channel = $2"
    " AND p.file = $3 AND p.update_id > $4 ORDER BY p.update_id LIMIT $5"
)


class PostgresStore:
    """`Store`: two round trips a flush, on a connection of its own.

    One that forgets numbers (an erasure), or takes pointers from cards (a delete, a new number),
    takes more: it locks them first.
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


class PostgresCardReader:
    """`CardReader` and `FileReader`."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Return the cards that exist, tombstones included."""
        rows = await self._reads.rows(*cards_reading(keys))
        return {card.key: card for card in map(Card._make, rows)}

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        """Return which state the cards that exist are in."""
        rows = await self._reads.rows(*editions_reading(keys))
        return {CardKey(row[0], row[1]): Edition(row[2], row[3]) for row in rows}

    async def list_cards(self, query: CardQuery) -> list[Card]:
        """Return up to `query.limit` cards behind `query.after_token`, in token order."""
        return [Card._make(row) for row in await self._reads.rows(*listing(query))]

    async def list_tokens(self, query: CardQuery) -> list[str]:
        """Return the tokens of those cards, also where a row is damaged behind its token."""
        return [row[0] for row in await self._reads.rows(*listing(query, "c.token"))]

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        """Return superseded versions numbered below `below`, newest first."""
        rows = await self._reads.rows(VERSIONS_BELOW, (*key, below, limit))
        return [Version._make(row) for row in rows]

    async def changed_by(self, tenant: str, source: str, after: str, limit: int) -> list[str]:
        """Return the tokens of cards that a source spoke of, behind `after`, in their order."""
        rows = await self._reads.rows(CHANGED_BY, (tenant, source, after, limit))
        return [row[0] for row in rows]

    async def parked_by(
        self, tenant: str, channel: str, file: str, after: str, limit: int
    ) -> list[str]:
        """Return the update ids of a file's parked answers, behind `after`, in their order."""
        rows = await self._reads.rows(PARKED_BY, (tenant, channel, file, after, limit))
        return [row[0] for row in rows]


def listing(query: CardQuery, columns: str = listed(CARD, "c")) -> tuple[str, list[Any]]:
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
        f"SELECT {columns} FROM cards AS c WHERE {' AND '.join(where)}"  # noqa: S608
        f" ORDER BY c.token LIMIT {one(query.limit)}"
    )
    return statement, arguments.values
