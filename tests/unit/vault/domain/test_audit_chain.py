"""Audit records: small lines of JSON, linked so that none can be changed, dropped or moved."""

from __future__ import annotations

import json
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from vault.domain.audit import GENESIS, LABEL, AuditFacts, AuditRow, ChainHead, chained_hash, link

TEXT = st.text(max_size=20)
FACTS = st.builds(
    AuditFacts,
    tenant=TEXT,
    principal=TEXT,
    origin=TEXT,
    action=TEXT,
    result=st.sampled_from(["ok", "refused", "dry_run"]),
    token=TEXT,
    note=TEXT,
    revision=st.integers(0, 1 << 60),
)


def chain_of(facts: list[AuditFacts]) -> list[AuditRow]:
    head, rows = ChainHead("chn_1", 0, GENESIS), []
    for number, each in enumerate(facts):
        row, head = link(head, 1_000 + number, each)
        rows.append(row)
    return rows


def holds_together(rows: list[AuditRow]) -> bool:
    previous = GENESIS
    for row in rows:
        if chained_hash(previous, row.record) != row.hash:
            return False
        previous = row.hash
    return True


@given(st.lists(FACTS, min_size=1, max_size=6))
def test_a_chain_is_what_its_description_says(facts: list[AuditFacts]) -> None:
    previous = bytes(32)
    for number, (row, each) in enumerate(zip(chain_of(facts), facts, strict=True), 1):
        assert row.hash == sha256(LABEL + previous + row.record).digest()
        previous = row.hash
        told = json.loads(row.record)
        assert (told.pop("v"), told.pop("chain"), told.pop("seq")) == (1, "chn_1", number)
        assert told.pop("time") == row.time == 999 + number
        assert told == {name: value for name, value in each._asdict().items() if value}
        assert b"\n" not in row.record


@given(st.lists(FACTS, min_size=3, max_size=5, unique=True), st.data())
def test_a_dropped_moved_or_edited_record_breaks_the_chain(
    facts: list[AuditFacts], data: st.DataObject
) -> None:
    rows = chain_of(facts)
    at = data.draw(st.integers(0, len(rows) - 2))
    edited = rows[at]._replace(record=rows[at].record + b" ")
    assert holds_together(rows)
    assert not holds_together(rows[:at] + rows[at + 1 :])
    assert not holds_together([*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]])
    assert not holds_together([*rows[:at], edited, *rows[at + 1 :]])
