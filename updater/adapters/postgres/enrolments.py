"""Enrolments in PostgreSQL (`EnrolmentStore`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import asyncpg

from chassis.postgres.sql import Arguments, listed
from updater.adapters.postgres.database import Database
from updater.adapters.postgres.requests import remember
from updater.adapters.stored import ENROLMENTS, STATES, enrolment
from updater.domain.enrolment import Credential, Enrolment, EnrolmentState
from updater.usecases.ports_store import RequestMark
from updater.usecases.ports_vault import CredentialPage

_CANDIDATES: Final = f"""
  SELECT {ENROLMENTS}
  WHERE e.tenant = $1 AND (e.merchant_account, e.token) > ($2, $3)
    AND e.enrolled AND e.covered AND NOT e.opted_out AND e.open_batch = ''
    AND c.fpan AND c.status = 'ACTIVE'
  ORDER BY e.merchant_account, e.token LIMIT $4
"""
_GET: Final = (
    f"SELECT {ENROLMENTS} WHERE e.tenant = $1 AND e.token = $2 AND e.merchant_account = $3"
)
_KNOWS: Final = "SELECT 1 FROM cards WHERE tenant = $1 AND token = $2 AND status <> 'DELETED'"
_CARD: Final = {
    "token": "text",
    "revision": "bigint",
    "credential_version": "bigint",
    "fpan": "boolean",
    "status": "text",
    "brand": "text",
    "fingerprint": "text",
    "expiry": "bigint",
}
_CONSENT: Final = {
    "merchant_account": "text",
    "token": "text",
    "covered": "boolean",
    "opted_out": "boolean",
}
_ACCOUNTS: Final = (
    "SELECT token, merchant_account FROM enrolments WHERE tenant = $1 AND token = ANY($2::text[])"
)
_KEEP_CURSOR: Final = (
    "INSERT INTO cursors (tenant, cursor) VALUES ($1, $2)"
    " ON CONFLICT (tenant) DO UPDATE SET cursor = excluded.cursor"
)
_SET: Final = (
    "UPDATE enrolments SET enrolled = $1, updated_at = $2 WHERE tenant = $3"
    " AND merchant_account = $4 AND token = $5 AND enrolled <> $1"
)


class PostgresEnrolments:
    """The tables `cards`, `enrolments` and `cursors`."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def cursor(self, tenant: str) -> str:
        """Return how far the tenant's credentials were read."""
        rows = await self._database.rows("SELECT cursor FROM cursors WHERE tenant = $1", tenant)
        return str(rows[0][0]) if rows else ""

    async def sync(self, tenant: str, page: CredentialPage, *, enrol: bool, at: int) -> int:
        """Take in a page and its cursor; return how many enrolments are new or changed."""

        async def work(db: asyncpg.Connection) -> int:
            changed = 0
            for cards in _without_repeats(page.credentials):
                changed += await _sync(db, tenant, cards, enrol=enrol, at=at)
            await db.execute(_KEEP_CURSOR, tenant, page.cursor)
            return changed

        return await self._database.run(work)

    async def candidates(
        self, tenant: str, *, after: tuple[str, str], limit: int
    ) -> Sequence[Enrolment]:
        """Return cards that might be due, ordered by (merchant account, token), after a key."""
        return await self._select(_CANDIDATES, (tenant, *after, limit))

    async def get(self, tenant: str, token: str, merchant_account: str) -> Enrolment | None:
        """Return an enrolment."""
        found = await self._select(_GET, (tenant, token, merchant_account))
        return found[0] if found else None

    async def knows(self, tenant: str, token: str) -> bool:
        """Tell whether the vault has shown this card, and not as deleted."""
        return bool(await self._database.rows(_KNOWS, tenant, token))

    async def page(
        self,
        tenant: str,
        *,
        token: str,
        merchant_account: str,
        states: Collection[EnrolmentState],
        after: tuple[str, str],
        limit: int,
    ) -> Sequence[Enrolment]:
        """Return enrolments ordered by (token, merchant account); an empty filter means any."""
        arguments = Arguments()
        one = arguments.one
        where = [
            f"e.tenant = {one(tenant)}",
            f"(e.token, e.merchant_account) > ({one(after[0])}, {one(after[1])})",
        ]
        if token:
            where.append(f"e.token = {one(token)}")
        if merchant_account:
            where.append(f"e.merchant_account = {one(merchant_account)}")
        if states:
            where.append("(" + " OR ".join(STATES[state] for state in sorted(states)) + ")")
        sql = (
            f"SELECT {ENROLMENTS} WHERE {' AND '.join(where)}"
            f" ORDER BY e.token, e.merchant_account LIMIT {one(limit)}"
        )
        return await self._select(sql, arguments.values)

    async def set_enrolled(
        self, key: tuple[str, str, str], *, enrolled: bool, at: int, mark: RequestMark
    ) -> None:
        """Enrol or end (tenant, token, merchant account). Raises RequestIdReused."""
        tenant, token, account = key

        async def work(db: asyncpg.Connection) -> None:
            if await remember(db, mark, token, at) is None:
                await db.execute(_SET, enrolled, at, tenant, account, token)

        await self._database.run(work)

    async def _select(self, sql: str, values: Sequence[Any]) -> Sequence[Enrolment]:
        return [enrolment(row) for row in await self._database.rows(sql, *values)]


async def _sync(
    db: asyncpg.Connection, tenant: str, cards: Sequence[Credential], *, enrol: bool, at: int
) -> int:
    """Keep cards that are not older than what is known, and the consents that they show."""
    fresh = {str(row[0]) for row in await db.fetch(*_keeping(tenant, cards))}
    known = defaultdict[str, set[str]](set)
    for token, account in await db.fetch(_ACCOUNTS, tenant, list(fresh)):
        known[token].add(account)
    rows = [
        (account, card.token, account in card.covered, account in card.opted_out)
        for card in cards
        if card.token in fresh
        for account in sorted(known[card.token] | card.covered)
    ]
    if not rows:
        return 0
    arguments = Arguments()
    source = arguments.rows(rows, _CONSENT)
    now = arguments.one(at, "bigint")
    sql = (
        f"INSERT INTO enrolments AS e (tenant, {listed(_CONSENT)}, enrolled,"  # noqa: S608
        " created_at, updated_at)"
        f" SELECT {arguments.one(tenant, 'text')}, {listed(_CONSENT, 'k')},"
        f" {arguments.one(enrol, 'boolean')}, {now}, {now} FROM {source}"
        " ON CONFLICT (tenant, merchant_account, token) DO UPDATE SET covered = excluded.covered,"
        f" opted_out = excluded.opted_out, updated_at = {now}"
        " WHERE e.covered <> excluded.covered OR e.opted_out <> excluded.opted_out RETURNING 1"
    )
    return len(await db.fetch(sql, *arguments.values))


def _keeping(tenant: str, cards: Sequence[Credential]) -> tuple[Any, ...]:
    """Return the statement that keeps cards and returns whose row changed, and its values."""
    arguments = Arguments()
    rows = [
        (
            card.token,
            card.revision,
            card.credential_version,
            card.fpan,
            card.status.value,
            card.brand.value,
            card.fingerprint,
            card.expiry,
        )
        for card in cards
    ]
    source = arguments.rows(rows, _CARD)
    assigned = ", ".join(f"{name} = excluded.{name}" for name in _CARD if name != "token")
    sql = (
        f"INSERT INTO cards AS c (tenant, {listed(_CARD)})"  # noqa: S608 - places and constants
        f" SELECT {arguments.one(tenant, 'text')}, {listed(_CARD, 'k')} FROM {source}"
        f" ON CONFLICT (tenant, token) DO UPDATE SET {assigned}"
        " WHERE excluded.revision >= c.revision RETURNING token"
    )
    return (sql, *arguments.values)


def _without_repeats(cards: Sequence[Credential]) -> Iterator[Sequence[Credential]]:
    """Yield cards in order, in parts in which each comes once: a statement changes a row once."""
    part: dict[str, Credential] = {}
    for card in cards:
        if card.token in part:
            yield list(part.values())
            part = {}
        part[card.token] = card
    if part:
        yield list(part.values())
