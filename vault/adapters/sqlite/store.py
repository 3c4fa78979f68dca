"""The ports that a flush and a masked read use, over one database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import apsw

from vault.adapters.sqlite.database import Database
from vault.adapters.sqlite.reading import read_cards, read_editions, read_state
from vault.adapters.sqlite.rows import CARD_COLUMNS, VERSION_COLUMNS, card_of, version_of
from vault.adapters.sqlite.sql import filled, rows_of
from vault.adapters.sqlite.writing import write_delta
from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.queries import CardQuery
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want

VERSIONS_BELOW: Final = filled(
    "SELECT $VERSION FROM card_versions AS v INDEXED BY card_versions_by_number"
    " WHERE v.tenant = ? AND v.token = ?"
    " AND v.credential_version < ? ORDER BY v.credential_version DESC LIMIT ?",
    VERSION=VERSION_COLUMNS,
)
CHANGED_BY: Final = (
    "SELECT DISTINCT i.token FROM imprints AS i INDEXED BY imprints_by_source"
    " WHERE i.tenant = ? AND i.source = ? AND i.source <> '' AND i.token > ?"
    " ORDER BY i.token LIMIT ?"
)
PARKED_BY: Final = (
    "SELECT p.update_id FROM parked_updates AS p INDEXED BY parked_updates_by_file"
    " WHERE p.tenant = ? AND p.channel = ? AND p.file = ? AND p.update_id > ?"
    " ORDER BY p.update_id LIMIT ?"
)
# Each list walks the one index that it names, in token order, and stops at its limit.
_LISTS: Final = {
    "fingerprint": "cards_by_fingerprint",
    "customer": "cards_by_customer",
    "": "cards_by_token",
}


class SqliteStore:
    """`Store`: reads inline from a snapshot, writes in one hop to the writer thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, chain: str, want: Want) -> State:
        """Read for a flush; see `vault.usecases.ports.Store`."""
        return self._database.read(lambda db: read_state(db, chain, want))

    async def write(self, delta: Delta) -> None:
        """Write a flush; see `vault.usecases.ports.Store`."""
        await self._database.write(lambda db: write_delta(db, delta))


class SqliteCardReader:
    """`CardReader` and `FileReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Return the cards that exist, tombstones included."""
        return self._database.read(lambda db: read_cards(db, keys))

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        """Return which state the cards that exist are in."""
        return self._database.read(lambda db: read_editions(db, keys))

    async def list_cards(self, query: CardQuery) -> list[Card]:
        """Return up to `query.limit` cards behind `query.after_token`, in token order."""
        statement, values = listing(query)
        rows = await self._database.query(lambda db: rows_of(db, statement, values))
        return [card_of(row) for row in rows]

    async def list_tokens(self, query: CardQuery) -> list[str]:
        """Return the tokens of those cards, also where a row is damaged behind its token."""
        statement, values = listing(query, "c.token")
        rows = await self._database.query(lambda db: rows_of(db, statement, values))
        return [token for (token,) in rows]

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        """Return superseded versions numbered below `below`, newest first."""

        def job(db: apsw.Connection) -> list[Version]:
            rows = rows_of(db, VERSIONS_BELOW, (*key, below, limit))
            return [version_of(row) for row in rows]

        return self._database.read(job)

    async def changed_by(self, tenant: str, source: str, after: str, limit: int) -> list[str]:
        """Return the tokens of cards that a source spoke of, behind `after`, in their order."""
        values = (tenant, source, after, limit)
        rows = await self._database.query(lambda db: rows_of(db, CHANGED_BY, values))
        return [token for (token,) in rows]

    async def parked_by(
        self, tenant: str, channel: str, file: str, after: str, limit: int
    ) -> list[str]:
        """Return the update ids of a file's parked answers, behind `after`, in their order."""
        values = (tenant, channel, file, after, limit)
        rows = await self._database.query(lambda db: rows_of(db, PARKED_BY, values))
        return [update_id for (update_id,) in rows]


def listing(query: CardQuery, columns: str = CARD_COLUMNS) -> tuple[str, dict[str, Any]]:
    """Return the statement that answers a query, and its values."""
    by = "fingerprint" if query.fingerprint else "customer" if query.customer else ""
    where = ["c.tenant = :tenant", "c.token > :after_token"]
    values: dict[str, Any] = {
        "tenant": query.tenant,
        "after_token": query.after_token,
        "limit": query.limit,
    }
    for name, condition in (
        ("fingerprint", "c.fingerprint = :fingerprint AND c.fingerprint <> ''"),
        ("customer", "c.customer = :customer AND c.customer <> ''"),
        ("kind", "c.kind = :kind"),
        ("changed_since", "c.update_time >= :changed_since"),
        ("expires_before", "c.expiry > 0 AND c.expiry < :expires_before"),
    ):
        value = getattr(query, name)
        if value:
            where.append(condition)
            values[name] = value
    if query.statuses:
        where.append(
            "CASE WHEN c.expire_time > 0 AND c.expire_time <= :now THEN 'DELETED'"
            " ELSE c.status END IN " + _named(values, "status", query.statuses)
        )
        values["now"] = query.now
    if query.brands:
        where.append("c.brand IN " + _named(values, "brand", query.brands))
    statement = filled(
        "SELECT $CARD FROM cards AS c INDEXED BY $INDEX WHERE $WHERE ORDER BY c.token LIMIT :limit",
        CARD=columns,
        INDEX=_LISTS[by],
        WHERE=" AND ".join(where),
    )
    return statement, values


def _named(values: dict[str, Any], name: str, members: Sequence[str]) -> str:
    """Add the members of a list to `values`; return the parenthesis that names them."""
    names = [f"{name}_{at}" for at in range(len(members))]
    values.update(zip(names, members, strict=True))
    return "(" + ", ".join(f":{each}" for each in names) + ")"
