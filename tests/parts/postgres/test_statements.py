"""Every statement names the tenant of every row that it touches, and searches by whole keys.

The second is asked of the planner: on a database that was analysed while it was empty and has grown
since, and on a large one that is analysed. All rows are one tenant's. On an empty database only
scans of whole tables are refused: which index is cheapest there is a draw, and how long such a plan
is used is bounded by `leader.PREPARED_S`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from chassis.postgres import connection, leader
from tests.parts.postgres.statements import statements
from tests.parts.servers.postgres import as_owner
from vault.adapters.postgres.address import Address

OF_TENANTS = (
    "cards",
    "card_versions",
    "fingerprints",
    "existing_cards",
    "requests",
    "outbox",
    "applied_updates",
    "parked_updates",
    "imprints",
    "data_keys",
)
# The sweeper and the relay work for all tenants: their answers carry each row's own.
FOR_ALL_TENANTS = {"past grace", "past ttl", "past retention", "pending", "parked due"}
WITHOUT_A_TENANT = {
    "purge requests",
    "purge answers",
    "purge parked",
    "purge imprints",
    "backlog",
}  # they answer with numbers
STATEMENTS = statements()
_USED = re.compile(rf"(?:FROM|JOIN|USING|UPDATE) ({'|'.join(OF_TENANTS)})(?: AS (\w+))?(?=[ )]|$)")


def unqualified(text: str) -> list[str]:
    """Return the uses of tenants' tables that no condition on `tenant` binds."""
    found = []
    for table, alias in _USED.findall(text):
        name = alias or table
        bound = rf"\b{name}\.tenant = |= {name}\.tenant\b"
        if not re.search(bound, text):
            found.append(f"{table} AS {name}")
    return found


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_table_of_tenants_is_bound_to_a_tenant(name: str) -> None:
    if name in FOR_ALL_TENANTS | WITHOUT_A_TENANT:
        told = STATEMENTS[name].partition(" FROM ")[0]
        assert "tenant" in told or name in WITHOUT_A_TENANT
    else:
        assert unqualified(STATEMENTS[name]) == []


def test_the_check_finds_what_it_looks_for() -> None:
    assert unqualified("SELECT 1 FROM cards AS c WHERE c.token = $1") == ["cards AS c"]
    assert unqualified("SELECT 1 FROM unnest($1) AS k JOIN outbox AS o ON true") == ["outbox AS o"]
    assert unqualified("SELECT 1 FROM cards AS c WHERE c.tenant = $1") == []


# What each index must at least be searched by, wherever it is searched at all.
CONDITIONS = {
    "cards_by_token": {"tenant"},
    "cards_by_fingerprint": {"tenant", "fingerprint"},
    "cards_by_customer": {"tenant", "customer"},
    "cards_past_grace": {"purge_time"},
    "cards_with_ttl": {"expire_time"},
    "card_versions_by_number": {"tenant", "token"},
    "card_versions_by_fingerprint": {"tenant", "fingerprint"},
    "card_versions_by_purge_time": {"purge_time"},
    "fingerprints_pkey": {"tenant", "mac"},
    "existing_cards_pkey": {"tenant", "fingerprint"},  # few customers share a number
    "requests_pkey": {"tenant", "principal", "request_id"},
    "requests_by_time": {"create_time"},
    "applied_updates_pkey": {"tenant", "update_id", "token"},
    "applied_updates_by_time": {"time"},
    "imprints_pkey": {"tenant", "token"},
    "imprints_by_source": {"tenant", "source"},
    "imprints_by_time": {"time"},
    "parked_updates_by_file": {"tenant", "channel", "file"},
    "parked_updates_pkey": {"tenant", "update_id"},
    "parked_updates_by_number": {"tenant", "mac"},
    "parked_updates_by_day": {"tenant", "channel", "day"},
    "parked_updates_by_purge_time": {"purge_time"},
    "parked_updates_due": {"look_time"},
    "outbox_pkey": {"tenant", "token", "revision"},
    "outbox_by_slot": {"slot"},
    "outbox_leases_pkey": {"partition"},
    "relays_pkey": set(),  # as many as there are processes
    "chains_pkey": {"chain"},
    "chains_open": set(),
    "checkpoints_pkey": set(),
    "control_pkey": {"id"},
    "data_keys_by_tenant": {"tenant"},
    "data_keys_active": {"tenant"},
    "vault_schema_version_pkc": set(),
}
BY_WHOLE_TOKEN = ("read", "read cards", "write", "begin", "past retention")

LARGE = """
INSERT INTO cards SELECT tenant, 'tok_' || lpad(n::text, 5, '0'), revision, credential_version,
  kind, token_format, status, status_before, brand, bin, last4, expiry, expiry_unconfirmed,
  'fp_' || n, 'customer' || n % 5000, n, n, 0, 0, 'x', 1, version_cause, version_source,
  n, 0, 0, 0, '', '', '', '' FROM one_card, generate_series(1, 40000) AS n;
INSERT INTO card_versions SELECT 'demo', 'tok_' || lpad(n::text, 5, '0'), 1, 'VISA', '', '', 0,
  'fp_old_' || n, '', '', n, n, n, 0, 0, 0, 'x', 1 FROM generate_series(1, 20000) AS n;
INSERT INTO fingerprints SELECT 'demo', sha256(n::text::bytea), 'fp_' || n
  FROM generate_series(1, 40000) AS n;
INSERT INTO existing_cards SELECT 'demo', 'fp_' || n, 'customer' || n % 5000, 'FPAN', 'OPAQUE',
  'tok_' || lpad(n::text, 5, '0') FROM generate_series(1, 40000) AS n;
INSERT INTO requests SELECT 'demo', 'app', 'r-' || n, 'k', 'm', '', '', n
  FROM generate_series(1, 40000) AS n;
INSERT INTO applied_updates SELECT 'demo', 'u-' || n, 'tok_1', 'APPLIED', n
  FROM generate_series(1, 20000) AS n;
INSERT INTO imprints SELECT 'demo', 'tok_' || lpad(n::text, 5, '0'), 2, 'u-' || n,
  'cyb/f-' || n % 90, 1, 2, '', '', n FROM generate_series(1, 20000) AS n;
INSERT INTO parked_updates SELECT 'demo', 'u-' || n, sha256(n::text::bytea), 'cyb', 'f-' || n % 90,
  n % 10, n, CASE n % 50 WHEN 0 THEN n ELSE 0 END, n, 'x' FROM generate_series(1, 20000) AS n;
INSERT INTO outbox SELECT 'demo', 'tok_' || n, 1, 'x', 'y' FROM generate_series(1, 20000) AS n;
INSERT INTO chains SELECT 'chn_' || n, 1, 'h', true, 0 FROM generate_series(1, 5000) AS n;
"""
ONE_CARD = """
CREATE TABLE one_card AS SELECT 'demo' AS tenant, 1 AS revision, 1 AS credential_version,
  'FPAN' AS kind, 'OPAQUE' AS token_format, 'ACTIVE' AS status, '' AS status_before,
  'VISA' AS brand, '' AS bin, '' AS last4, 203105 AS expiry, false AS expiry_unconfirmed,
  '' AS version_cause, '' AS version_source;
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


async def plans(dsn: str) -> dict[str, list[dict[str, Any]]]:
    """Return the nodes of every statement's generic plan, as a serving session makes them."""
    settings = Address("").settings()
    db = await asyncpg.connect(dsn, server_settings=settings)
    found = {}
    try:
        for at, (name, text) in enumerate(STATEMENTS.items()):
            await db.execute(f"PREPARE p{at} AS {text}")
            places = {int(place) for place in re.findall(r"\$(\d+)", text)}
            nothing = f"({', '.join(['NULL'] * len(places))})" if places else ""
            shown = await db.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE p{at}{nothing}")
            found[name] = list(nodes(json.loads(shown)[0]["Plan"]))
    finally:
        await db.close()
    return found


def complaints(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return what is not a search by a whole key."""
    wrong = []
    for name, each in found.items():
        for node in each:
            kind, relation = node["Node Type"], node.get("Relation Name", "")
            if kind == "Seq Scan" and not relation.startswith("audit_"):
                wrong.append(f"{name}: reads all of {relation}")
            index = node.get("Index Name", "")
            if not index or index.startswith("audit_"):
                continue
            condition = node.get("Index Cond", "")
            needed = CONDITIONS[index]
            if index == "cards_by_token" and name in BY_WHOLE_TOKEN:
                needed = {"tenant", "token"}
            missing = {column for column in needed if not re.search(rf"\b{column}\b", condition)}
            if missing:
                wrong.append(f"{name}: {index} not searched by {sorted(missing)}")
    return wrong


async def test_plans_search_by_whole_keys_on_empty_and_on_large_tables(dsn: str) -> None:
    owner = await asyncpg.connect(as_owner(dsn))
    try:
        for statement in ("SELECT 1", "VACUUM ANALYZE"):
            await owner.execute(statement)
            empty = complaints(await plans(dsn))
            assert [each for each in empty if "reads all" in each] == []
        await owner.execute("ALTER TABLE cards DISABLE ROW LEVEL SECURITY")
        await owner.execute(ONE_CARD + LARGE)
        assert complaints(await plans(dsn)) == []  # grown, and not analysed yet
        await owner.execute("ANALYZE")
        assert complaints(await plans(dsn)) == []
    finally:
        await owner.close()


async def test_a_statement_is_prepared_again_before_long(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was planned on an empty table is planned again once it has grown, analysed or not."""
    monkeypatch.setattr(leader, "PREPARED_S", 0.2)
    link = connection.Link(Address(dsn))
    asked = "SELECT prepare_time FROM pg_prepared_statements WHERE statement LIKE 'SELECT token%'"
    try:
        for _ in range(2):
            await link.read("SELECT token FROM cards WHERE tenant = $1", ("demo",))
        (first,) = await link.read(asked, ())
        await asyncio.sleep(0.4)
        await link.read("SELECT token FROM cards WHERE tenant = $1", ("demo",))
        (again,) = await link.read(asked, ())
        assert again[0] > first[0]
    finally:
        await link.close()


async def test_a_day_of_the_trail_is_searched_by_its_chain(dsn: str) -> None:
    found = (await plans(dsn))["chain records"]
    days = [node for node in found if node.get("Index Name", "").startswith("audit_")]
    assert len(days) > 2
    assert all("chain" in node["Index Cond"] and "sequence" in node["Index Cond"] for node in days)
