"""Enrolments in SQLite (`EnrolmentStore`)."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import apsw

from cards.brands import Brand
from cards.outcomes import Outcome
from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.requests import remember
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Credential, Enrolment, EnrolmentState
from updater.usecases.ports import CredentialPage, RequestMark

_COLUMNS: Final = """
  e.tenant, e.token, e.merchant_account, c.credential_version, c.fpan, c.status, c.brand,
  c.fingerprint, c.expiry, e.covered, e.opted_out, e.enrolled, e.asked_at, e.asked_version,
  e.checked_at, e.open_batch, e.chain, e.last_outcome, e.last_disposition, e.created_at,
  e.updated_at
  FROM enrolments e JOIN cards c ON c.tenant = e.tenant AND c.token = e.token
"""
_CANDIDATES: Final = f"""
  SELECT {_COLUMNS}
  WHERE e.tenant = ? AND (e.merchant_account, e.token) > (?, ?)
    AND e.enrolled AND e.covered AND NOT e.opted_out AND e.open_batch = ''
    AND c.fpan AND c.status = 'ACTIVE'
  ORDER BY e.merchant_account, e.token LIMIT ?
"""
_STANDS: Final = "c.fpan AND c.status = 'ACTIVE' AND e.covered AND NOT e.opted_out"
_LIVE: Final = "e.enrolled AND c.status <> 'DELETED'"
_STATES: Final = {
    EnrolmentState.ACTIVE: f"({_LIVE} AND {_STANDS})",
    EnrolmentState.SUSPENDED: f"({_LIVE} AND NOT ({_STANDS}))",
    EnrolmentState.ENDED: f"(NOT ({_LIVE}))",
}
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
        sql = f"SELECT {_COLUMNS} WHERE e.tenant = ? AND e.token = ? AND e.merchant_account = ?"
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
            where.append("(" + " OR ".join(_STATES[state] for state in sorted(states)) + ")")
        sql = (
            f"SELECT {_COLUMNS} WHERE {' AND '.join(where)} "
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
            return [_enrolment(row) for row in db.execute(sql, values)]

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


def _enrolment(row: tuple[Any, ...]) -> Enrolment:
    return Enrolment(
        tenant=row[0],
        token=row[1],
        merchant_account=row[2],
        credential_version=row[3],
        fpan=bool(row[4]),
        status=CardStatus(row[5]),
        brand=Brand(row[6]),
        fingerprint=row[7],
        expiry=row[8],
        covered=bool(row[9]),
        opted_out=bool(row[10]),
        enrolled=bool(row[11]),
        asked_at=row[12],
        asked_version=row[13],
        checked_at=row[14],
        open_batch=row[15],
        chain=row[16],
        last_outcome=None if row[17] is None else Outcome(row[17]),
        last_disposition=None if row[18] is None else Disposition(row[18]),
        created_at=row[19],
        updated_at=row[20],
    )
