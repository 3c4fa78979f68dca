"""Enrolments in SQLite (`EnrolmentStore`)."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import apsw

from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.requests import remember
from updater.adapters.stored import ENROLMENTS, STATES, enrolment
from updater.domain.enrolment import Credential, Enrolment, EnrolmentState
from updater.usecases.ports_store import RequestMark
from updater.usecases.ports_vault import CredentialPage

_CANDIDATES: Final = f"""
  SELECT {ENROLMENTS}
  WHERE e.tenant = ? AND (e.merchant_account, e.token) > (?, ?)
    AND e.enrolled AND e.covered AND NOT e.opted_out AND e.open_batch = ''
    AND c.fpan AND c.status = 'ACTIVE'
  ORDER BY e.merchant_account, e.token LIMIT ?
"""
_UPSERT_CARD: Final = """
  INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET revision = excluded.revision,
    credential_version = excluded.credential_version, fpan = excluded.fpan,
    status = excluded.status, brand = excluded.brand, fingerprint = excluded.fingerprint,
    expiry = excluded.expiry
  WHERE excluded.revision >= revision
"""
_UPSERT_ENROLMENT: Final = """
  INSERT INTO enrolments
    (tenant, merchant_account, token, covered, opted_out, enrolled, created_at, updated_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
  ON CONFLICT DO UPDATE SET covered = ?4, opted_out = ?5, updated_at = ?7
  WHERE covered <> ?4 OR opted_out <> ?5
"""


class SqliteEnrolments:
    """The tables `cards`, `enrolments` and `cursors`."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def cursor(self, tenant: str) -> str:
        """Return how far the tenant's credentials were read."""

        def work(db: apsw.Connection) -> str:
            found = db.execute("SELECT cursor FROM cursors WHERE tenant = ?", (tenant,)).fetchone()
            return "" if found is None else str(found[0])

        return await self._database.run(work)

    async def sync(self, tenant: str, page: CredentialPage, *, enrol: bool, at: int) -> int:
        """Take in a page and its cursor; return how many enrolments are new or changed."""

        def work(db: apsw.Connection) -> int:
            changed = sum(_sync_card(db, tenant, card, enrol, at) for card in page.credentials)
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (tenant, page.cursor))
            return changed

        return await self._database.run(work)

    async def candidates(
        self, tenant: str, *, after: tuple[str, str], limit: int
    ) -> Sequence[Enrolment]:
        """Return cards that might be due, ordered by (merchant account, token), after a key."""
        return await self._select(_CANDIDATES, (tenant, *after, limit))

    async def get(self, tenant: str, token: str, merchant_account: str) -> Enrolment | None:
        """Return an enrolment."""
        sql = f"SELECT {ENROLMENTS} WHERE e.tenant = ? AND e.token = ? AND e.merchant_account = ?"
        found = await self._select(sql, (tenant, token, merchant_account))
        return found[0] if found else None

    async def knows(self, tenant: str, token: str) -> bool:
        """Tell whether the vault has shown this card, and not as deleted."""

        def work(db: apsw.Connection) -> bool:
            sql = "SELECT 1 FROM cards WHERE tenant = ? AND token = ? AND status <> 'DELETED'"
            return db.execute(sql, (tenant, token)).fetchone() is not None

        return await self._database.run(work)

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
        where = ["e.tenant = ?", "(e.token, e.merchant_account) > (?, ?)"]
        values: list[Any] = [tenant, *after]
        for column, value in (("e.token", token), ("e.merchant_account", merchant_account)):
            if value:
                where.append(f"{column} = ?")
                values.append(value)
        if states:
            where.append("(" + " OR ".join(STATES[state] for state in sorted(states)) + ")")
        sql = (
            f"SELECT {ENROLMENTS} WHERE {' AND '.join(where)} "
            "ORDER BY e.token, e.merchant_account LIMIT ?"
        )
        return await self._select(sql, (*values, limit))

    async def set_enrolled(
        self, key: tuple[str, str, str], *, enrolled: bool, at: int, mark: RequestMark
    ) -> None:
        """Enrol or end (tenant, token, merchant account). Raises RequestIdReused."""
        tenant, token, account = key

        def work(db: apsw.Connection) -> None:
            if remember(db, mark, token, at) is not None:
                return
            db.execute(
                "UPDATE enrolments SET enrolled = ?1, updated_at = ?2 WHERE tenant = ?3 AND"
                " merchant_account = ?4 AND token = ?5 AND enrolled <> ?1",
                (int(enrolled), at, tenant, account, token),
            )

        await self._database.run(work)

    async def _select(self, sql: str, values: Sequence[Any]) -> Sequence[Enrolment]:
        def work(db: apsw.Connection) -> Sequence[Enrolment]:
            return [enrolment(row) for row in db.execute(sql, values)]

        return await self._database.run(work)


def _sync_card(db: apsw.Connection, tenant: str, card: Credential, enrol: bool, at: int) -> int:  # noqa: FBT001
    row = (
        tenant,
        card.token,
        card.revision,
        card.credential_version,
        int(card.fpan),
        card.status.value,
        card.brand.value,
        card.fingerprint,
        card.expiry,
    )
    db.execute(_UPSERT_CARD, row)
    if not db.changes():  # an older sight of the card than the one that is kept
        return 0
    sql = "SELECT merchant_account FROM enrolments WHERE tenant = ? AND token = ?"
    known = {str(account) for (account,) in db.execute(sql, (tenant, card.token))}
    changed = 0
    for account in sorted(known | card.covered):
        covered, opted_out = account in card.covered, account in card.opted_out
        flags = (int(covered), int(opted_out), int(enrol))
        db.execute(_UPSERT_ENROLMENT, (tenant, account, card.token, *flags, at))
        changed += db.changes()
    return changed
