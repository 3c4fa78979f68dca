"""Every statement searches by the index it was written for, on empty and on large tables.

Two traps were seen: a plan made while the tables were empty, and a tenant's index taken where a
token's was meant (120 microseconds instead of 14).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest

from vault.adapters.sqlite import housekeeping, outbox, reading, store, trail, writing
from vault.adapters.sqlite.connection import migrate, open_writer
from vault.adapters.sqlite.sql import Rows
from vault.adapters.sqlite.store import listing
from vault.adapters.sqlite.trail import audit_listing
from vault.domain.queries import AuditQuery, CardQuery

MODULES = (reading, writing, store, housekeeping, outbox, trail)
CARD = "cards_by_token (tenant=? AND token=?)"
NUMBER = "cards_by_fingerprint (tenant=? AND fingerprint=?)"
OLD_NUMBER = "card_versions_by_fingerprint (tenant=? AND fingerprint=?)"
POINTER = "existing_cards (tenant=? AND fingerprint=? AND customer=? AND kind=? AND token_format=?)"
REQUEST = "requests (tenant=? AND principal=? AND request_id=?)"
CONTROL = "control (rowid=?)"
# What each statement searches, in order; an INSERT of VALUES searches nothing.
EXPECTED: dict[str, list[str]] = {
    "HEAD": [CONTROL, "chains (chain=?)"],
    "CARDS": [CARD],
    "EDITIONS": [CARD],
    "REQUESTS": [REQUEST, CARD],
    "NUMBERS": ["fingerprints (tenant=? AND mac=?)"],
    "POINTERS": [POINTER, CARD],
    "SIBLING_CARDS": [
        CARD,
        "cards_by_fingerprint (tenant=? AND fingerprint=? AND customer=?)",
        "TEMP B-TREE FOR ORDER BY",  # of one customer's cards with one number
    ],
    "VERSIONS": ["card_versions_by_number (tenant=? AND token=?)", "TEMP B-TREE FOR ORDER BY"],
    "HOLDERS_NOW": [NUMBER],
    "HOLDERS_BEFORE": [OLD_NUMBER, CARD],
    "APPLIED": ["applied_updates (tenant=? AND update_id=? AND token=?)"],
    "PARKED": ["parked_updates_by_number (tenant=? AND mac=?)"],
    "PARKED_IDS": ["parked_updates_by_id (tenant=? AND update_id=?)"],
    "PARKED_DAYS": ["parked_updates_by_day (tenant=? AND channel=? AND day=?)"],
    "MOVE_HEAD": ["chains (chain=?)", CONTROL],
    "FIRST_HEAD": [CONTROL],
    "END_CHAINS": ["chains (chain=?)"],
    "ADD_AUDIT": [],
    "ADD_CARDS": [],
    "CHANGE_CARDS": [CARD],
    "RELIED_CARDS": [CARD],
    "OLDER_THAN_HEIRS": ["cards_by_fingerprint (tenant=? AND fingerprint=? AND customer=?)"],
    "KNOWN_NUMBERS": ["fingerprints (tenant=? AND mac=?)"],
    "ADD_NUMBERS": [],
    "DROP_NUMBERS": ["fingerprints (tenant=? AND mac=?)", NUMBER, OLD_NUMBER],
    "ADD_VERSIONS": [],
    "DROP_VERSIONS": ["card_versions_by_number (tenant=? AND token=? AND credential_version=?)"],
    "ADD_POINTERS": [],
    "MOVE_POINTERS": [POINTER],
    "DROP_POINTERS": [POINTER],
    "ADD_REQUESTS": [],
    "ADD_APPLIED": [],
    "ADD_PARKED": [],
    "LOOK_PARKED": ["parked_updates_by_id (tenant=? AND update_id=?)"],
    "DROP_PARKED": ["parked_updates_by_id (tenant=? AND update_id=?)"],
    "ADD_OUTBOX": [],
    "VERSIONS_BELOW": ["card_versions_by_number (tenant=? AND token=? AND credential_version<?)"],
    "PAST_GRACE": ["cards_past_grace (purge_time<?)"],
    "PAST_TTL": ["cards_with_ttl (expire_time>? AND expire_time<?)"],
    "PAST_RETENTION": ["card_versions_by_purge_time (purge_time<?)", CARD],
    "PURGE_REQUESTS": [REQUEST, "requests_by_time (create_time<?)"],
    "PURGE_ANSWERS": [
        "applied_updates (tenant=? AND update_id=? AND token=?)",
        "applied_updates_by_time (time<?)",
    ],
    "IMPRINTS": ["imprints_by_card (tenant=? AND token=?)"],
    "ADD_IMPRINTS": [],
    "UNDO_IMPRINTS": ["imprints_by_card (tenant=? AND token=? AND revision=? AND update_id=?)"],
    "DROP_IMPRINTS": ["imprints_by_card (tenant=? AND token=?)"],
    "CHANGED_BY": ["imprints_by_source (tenant=? AND source=? AND token>?)"],
    "PARKED_BY": ["parked_updates_by_file (file=? AND channel=? AND tenant=? AND update_id>?)"],
    "PURGE_IMPRINTS": [
        "imprints_by_card (tenant=? AND token=? AND revision=? AND update_id=?)",
        "imprints_by_time (time<?)",
    ],
    "PARKED_DUE": ["parked_updates_due (look_time>? AND look_time<?)"],
    "PURGE_PARKED": [
        "parked_updates_by_id (tenant=? AND update_id=?)",
        "parked_updates_by_purge_time (purge_time<?)",
    ],
    "OPEN_CHAINS": ["chains_by_end (ended=?)"],
    "CHAIN_RECORDS": ["audit_by_sequence (chain=? AND sequence>?)"],
    "AUDIT_REACH": ["audit_by_sequence ((chain,sequence)>(?,?))"],
    "ADD_CHECKPOINT": ["checkpoints (rowid>?)"],
    "CHECKPOINTS": ["checkpoints (rowid>? AND rowid<?)"],
    "LAST_CHECKPOINT": ["checkpoints (rowid>?)"],
    "PENDING": ["outbox (token>?)"],
    "BACKLOG": ["outbox (token>?)"],  # all of it, on the reader thread
    "DELIVERED": ["outbox (token=? AND revision=? AND tenant=?)"],
    "DATA_KEYS": ["data_keys_by_tenant (tenant=?)", "TEMP B-TREE FOR ORDER BY"],
    "ADD_DATA_KEYS": [],
}
ALIASES = {
    "w": "control",
    "h": "chains",
    "c": "cards",
    "s": "cards",
    "r": "requests",
    "f": "fingerprints",
    "e": "existing_cards",
    "v": "card_versions",
    "a": "applied_updates",
    "p": "parked_updates",
    "i": "imprints",
}
# Reading a flush's own rows (k) is no scan of a table.
COMPLETE = re.compile("(SELECT|INSERT|UPDATE|DELETE)[^$]*$")
HARMLESS = re.compile(
    r"(SCAN (\d+-ROW VALUES CLAUSE|(\d+ )?CONSTANT ROWS?|k|\(subquery-\d+\))"
    r"|(CORRELATED )?(LIST|SCALAR) SUBQUERY \d+|(CO-ROUTINE|MATERIALIZE) (k|\(subquery-\d+\))"
    r"|CREATE BLOOM FILTER)$"
)
SEARCH = re.compile(
    r"SEARCH (?P<table>\w+) USING (?:COVERING )?(?:INTEGER PRIMARY KEY|PRIMARY KEY|INDEX"
    r" (?P<index>\w+)) (?P<terms>\(.*\))(?: LEFT-JOIN)?$"
)


def statements(modules: tuple[ModuleType, ...] = MODULES) -> Iterator[tuple[str, str]]:
    """Yield every statement of the adapter: one that is added is checked or fails the test."""
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, Rows):
                yield from ((name, text) for text in (value.texts[0], value.texts[-1]))
            elif isinstance(value, str) and COMPLETE.match(value):
                yield name, value


def plan_of(db: apsw.Connection, statement: str) -> list[str]:
    """Return what a statement searches, as `index (terms)`, or else the plan's own line."""
    numbered = [int(number) for number in re.findall(r"\?(\d+)", statement)]
    count = max(numbered, default=statement.count("?"))
    names = re.findall(r":(\w+)", statement)
    values: Any = dict.fromkeys(names) if names else [None] * count
    lines = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + statement, values)]
    found: list[str] = []
    for line in map(str, lines):
        if HARMLESS.match(line):
            continue
        if line == "SCAN w":  # the control table is one row by a CHECK; statistics may know it
            found.append(CONTROL)
            continue
        match = SEARCH.match(line)
        if match is None:
            found.append(line.removeprefix("USE "))
            continue
        table = ALIASES.get(match["table"], match["table"])
        index = match["index"] or table
        found.append(f"{table if index.startswith('sqlite_auto') else index} {match['terms']}")
    return found


def fill(db: apsw.Connection, rows: int, first: int = 1) -> None:
    """Give one tenant many cards, and every other table as many rows."""
    db.execute("DROP TABLE IF EXISTS n").fetchall()
    db.execute(
        f"""
        CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS
            (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n;
        INSERT INTO cards SELECT 'demo', 'tok_' || i, 1, 1, 'FPAN', 'OPAQUE', 'ACTIVE', '', 'VISA',
            '', '', 0, 0, 'fp_' || i, 'c' || (i % 1000), i, i, i, i, x'00', 1, '', '', i, 0, 0, 0,
            '', '', '', '' FROM n;
        INSERT INTO card_versions SELECT 'demo', 'tok_' || i, 1, 'VISA', '', '', 0, 'fp_' || i, '',
            '', i, i, i, 0, 0, 0, x'00', 1 FROM n;
        INSERT INTO fingerprints SELECT 'demo', CAST(i AS BLOB), 'fp_' || i FROM n;
        INSERT INTO existing_cards SELECT 'demo', 'fp_' || i, 'c', 'FPAN', 'OPAQUE', 't' FROM n;
        INSERT INTO requests SELECT 'demo', 'app', 'r' || i, x'00', x'00', '', '', i FROM n;
        INSERT INTO audit SELECT 'chn', i, i, x'00', x'00' FROM n;
        INSERT INTO chains SELECT 'chn' || i, i, x'00', i % 100 <> 0 FROM n;
        INSERT INTO checkpoints SELECT i, i, x'00', '', x'00' FROM n;
        INSERT INTO outbox SELECT 'demo', 'tok_' || i, 1, '', x'00', 0 FROM n;
        INSERT INTO data_keys SELECT CAST(i AS BLOB), 'demo', '', 'RETIRED', i, '', x'00' FROM n;
        INSERT INTO parked_updates SELECT 'demo', 'u' || i, CAST(i AS BLOB), 'c', 'f', i % 10, i,
            CASE i % 50 WHEN 0 THEN i ELSE 0 END, i, x'00' FROM n;
        INSERT INTO imprints SELECT 'demo', 'tok_' || i, 2, 'u' || i, 'c/f' || i % 90, 1, 1, '', '',
            i FROM n;
        INSERT INTO applied_updates SELECT 'demo', 'u' || i, 'tok_' || i, '', i FROM n;
        """  # noqa: S608 - a number of our own
    ).fetchall()


def nothing(_db: apsw.Connection) -> None:
    """Leave the tables empty."""


def large(db: apsw.Connection) -> None:
    fill(db, 20_000)


SITUATIONS = {
    "empty": nothing,
    "large": large,
}


@pytest.fixture(params=SITUATIONS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[apsw.Connection]:
    opened = open_writer(tmp_path / "vault.db")
    opened.execute("PRAGMA synchronous = OFF").fetchall()
    migrate(opened)
    SITUATIONS[request.param](opened)
    yield opened
    opened.close()


def test_every_statement_takes_the_intended_index(db: apsw.Connection) -> None:
    found = {(name, text): plan_of(db, text) for name, text in statements()}
    assert {name for name, _text in found} == EXPECTED.keys()
    wrong = {name: plan for (name, _text), plan in found.items() if plan != EXPECTED[name]}
    assert not wrong, wrong


LISTS = {
    "": ("cards_by_token (tenant=? AND token>?)", []),
    "customer": ("cards_by_customer (tenant=? AND customer=? AND token>?)", []),
    # Cards with one number are in the order of their customers there.
    "fingerprint": (
        "cards_by_fingerprint (tenant=? AND fingerprint=?)",
        ["TEMP B-TREE FOR ORDER BY"],
    ),
}


@pytest.mark.parametrize("analysed_at", [3, 20_000])
def test_statistics_turn_no_search_into_a_scan(tmp_path: Path, analysed_at: int) -> None:
    """Somebody may have run ANALYZE, even while there were three cards."""
    db = open_writer(tmp_path / "vault.db")
    migrate(db)
    fill(db, analysed_at)
    db.execute("ANALYZE").fetchall()
    fill(db, 20_000 + analysed_at, first=analysed_at + 1)
    for name, text in statements():
        # One search that is made for two columns is no scan either.
        plan = dict.fromkeys([step.partition(" (")[0] for step in plan_of(db, text)])
        assert list(plan) == list(
            dict.fromkeys([step.partition(" (")[0] for step in EXPECTED[name]])
        ), name
    db.close()


def _narrowed(query: CardQuery, by: str) -> CardQuery:
    if by == "customer":
        return query._replace(customer="x")
    return query._replace(fingerprint="x") if by else query


def test_every_list_walks_the_narrowest_index(db: apsw.Connection) -> None:
    rest = product(("", "ACTIVE"), ("", "VISA"), (0, 203001), (0, 5), ("", "FPAN"))
    for status, brand, expires, changed, kind in rest:
        for by, (search, more) in LISTS.items():
            query = CardQuery(
                "demo",
                10,
                statuses=(status,) if status else (),
                brands=(brand,) if brand else (),
                expires_before=expires,
                changed_since=changed,
                kind=kind,
            )
            statement, values = listing(_narrowed(query, by))
            assert set(re.findall(r":(\w+)", statement)) == set(values)
            assert plan_of(db, statement) == [search, *more]


def test_the_audit_trail_is_read_along_its_chain(db: apsw.Connection) -> None:
    for query in (
        AuditQuery("demo", 10),
        AuditQuery("demo", 10, from_time=1, to_time=2, token="t"),
    ):
        statement, _values = audit_listing(query)
        assert plan_of(db, statement) == ["audit_by_sequence ((chain,sequence)>(?,?))"]


def test_the_check_notices_a_tenants_index(db: apsw.Connection) -> None:
    """Show that the tests above would fail on the trap they are here for."""
    trap = (
        "SELECT * FROM cards AS c INDEXED BY cards_by_customer"
        " WHERE c.tenant = ? AND c.token = ? AND c.customer <> ''"
    )
    assert plan_of(db, trap) != EXPECTED["CARDS"]
    assert plan_of(db, "SELECT * FROM cards WHERE last4 = ?") == ["SCAN cards"]
