"""The real statements on 200,000 cards, prepared while the tables were empty, and run.

`test_statements.py` asks the planner; this counts the pages that the plans really touch. A plan
that walks a table touches thousands, a search by whole keys a handful for each row that it names.

A plan from tables that were empty *and* analysed walks whole indexes once they have grown (a read
of one card then touched 6,552 pages). So the driver prepares anew every few seconds
(`max_cached_statement_lifetime`), and that is what the session here does after they have grown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from tests.contract.ledger_rows import a_card, a_number, a_pointer, a_request, an_event, facts
from tests.doubles.vault_ledger import CHAIN, TENANT
from tests.parts.postgres.statements import WANT
from tests.parts.servers.postgres import as_owner
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.reading import cards_reading, reading
from vault.adapters.postgres.writing import writing
from vault.domain.audit import GENESIS, ChainHead, link
from vault.domain.card import CardKey
from vault.usecases.ledger.delta import CardChange, Delta, PointerChange
from vault.usecases.ledger.state import Control

CARDS: Final = 200_000
# Of all that one statement touches, indexes, triggers' and constraints' checks included: it names a
# dozen rows, and each search goes down a tree of three or four pages.
MOST_PAGES: Final = 600
FILL: Final = f"""
INSERT INTO cards SELECT r.* FROM cards AS c, generate_series(1, {CARDS}) AS n,
  LATERAL jsonb_populate_record(c, jsonb_build_object(
    'token', 'tok_' || lpad(n::text, 6, '0'), 'fingerprint', 'fp_' || n,
    'customer', 'customer' || n % 50000, 'create_time', n)) AS r WHERE c.token = 'tok_new';
INSERT INTO fingerprints SELECT '{TENANT}', sha256(n::text::bytea), 'fp_' || n
  FROM generate_series(1, {CARDS}) AS n;
INSERT INTO existing_cards SELECT '{TENANT}', 'fp_' || n, 'customer' || n % 50000, 'FPAN', 'OPAQUE',
    'tok_' || lpad(n::text, 6, '0') FROM generate_series(1, {CARDS}) AS n;
INSERT INTO requests SELECT '{TENANT}', 'app', 'f-' || n, 'k', 'm', '', '', n
  FROM generate_series(1, {CARDS}) AS n;
"""  # noqa: S608 - constants only


def flush(at: int) -> Delta:
    """Return a flush that stores a card, changes one and moves a pointer."""
    base = ChainHead(CHAIN, at, GENESIS)
    row, head = link(base, 1_000 + at, facts())
    new = a_card("tok_new" if at == 0 else f"tok_new_{at}")
    return Delta(
        base_head=base,
        control=Control(),
        head=ChainHead(head.chain, head.sequence, GENESIS),
        cards={new.key: CardChange(0, new)},
        numbers={a_number(f"n{at}"): new.fingerprint},
        pointers={a_pointer(f"p{at}"): PointerChange(None, new.token)},
        requests=[a_request(f"r-{at}")],
        audit=[row],
        outbox=[an_event(new.token)],
    )


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(deep for each in plan.get("Plans", ()) for deep in nodes(each))]


class Session:
    """A serving session that explains what it runs, with the plans it has."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self._db = db
        self._names: dict[str, str] = {}

    async def pages(self, text: str, values: list[Any]) -> tuple[int, list[str]]:
        """Run a statement; return the pages it touched and the tables it read whole."""
        name = self._names.get(text)
        if name is None:
            name = self._names[text] = f"p{len(self._names)}"
            await self._db.execute(f"PREPARE {name} AS {text}")
        told = ", ".join([_literal(value) for value in values])
        shown = await self._db.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {name}({told})"
        )
        plan = json.loads(shown)[0]["Plan"]
        whole = [
            node["Relation Name"]
            for node in nodes(plan)
            if node["Node Type"] == "Seq Scan" and not node["Relation Name"].startswith("audit_")
        ]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], whole

    async def forget(self) -> None:
        """Prepare everything anew, as the driver does with what is older than its limit."""
        for name in self._names.values():
            await self._db.execute(f"DEALLOCATE {name}")
        self._names.clear()

    async def all(self, at: int) -> dict[str, tuple[int, list[str]]]:
        """Run a flush's read, a masked read, and a flush's write."""
        return {
            "read": await self.pages(*reading(CHAIN, WANT)),
            "read cards": await self.pages(*cards_reading([CardKey(TENANT, "tok_000042")])),
            "write": await self.pages(*writing(flush(at))),
        }


def _literal(value: object) -> str:
    """Return a value as SQL; only for this file's own values."""
    if isinstance(value, (list, tuple)):
        return f"ARRAY[{', '.join(map(_literal, value))}]::bytea[]"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(as_owner(dsn))
    await db.execute("ALTER TABLE cards DISABLE ROW LEVEL SECURITY")
    yield db
    await db.close()


async def serving(dsn: str) -> asyncpg.Connection:
    return await asyncpg.connect(dsn, server_settings=Address("").settings())


async def test_plans_made_on_empty_tables_stay_good_on_large_ones(
    dsn: str, owner: asyncpg.Connection
) -> None:
    db = await serving(dsn)
    try:
        session = Session(db)
        await owner.execute("VACUUM ANALYZE")  # the trap: the server now knows that all is empty
        found = {"empty": await session.all(0)}
        await owner.execute(FILL)
        await session.forget()
        found["grown"] = await session.all(1)
        await owner.execute("ANALYZE")  # the plans that are kept are made again by the server
        found["analysed"] = await session.all(2)
    finally:
        await db.close()
    wrong = {
        f"{name}, {when}": (pages, whole)
        for when, each in found.items()
        for name, (pages, whole) in each.items()
        if pages > MOST_PAGES or whole
    }
    assert wrong == {}


async def test_a_new_session_plans_well_on_large_tables(
    dsn: str, owner: asyncpg.Connection
) -> None:
    db = await serving(dsn)
    try:
        await Session(db).all(0)
    finally:
        await db.close()
    await owner.execute(FILL)
    for at, prepare in ((1, "SELECT 1"), (2, "ANALYZE")):
        await owner.execute(prepare)
        db = await serving(dsn)
        try:
            async with asyncio.timeout(60):
                found = await Session(db).all(at)
        finally:
            await db.close()
        assert all(pages <= MOST_PAGES and not whole for pages, whole in found.values()), found
