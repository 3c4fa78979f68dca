"""Audit records and sealed contents are written by hand, for speed: they must still be JSON's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.expiry import Expiry
from tests.doubles.vault_ledger import pan
from vault.domain.audit import GENESIS, AuditFacts, ChainHead, link
from vault.domain.contents import Contents

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FACTS = st.builds(
    AuditFacts, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, st.integers(0, 1 << 40), TEXT
)


@given(FACTS, TEXT, st.integers(1, 1 << 50))
def test_an_audit_record_is_what_a_json_encoder_writes(
    facts: AuditFacts, chain: str, time: int
) -> None:
    row, _head = link(ChainHead(chain, 4, GENESIS), time, facts)
    fields = {"v": 1, "chain": chain, "seq": 5, "time": time}
    fields |= {name: value for name, value in facts._asdict().items() if value}
    assert row.record == json.dumps(fields, separators=(",", ":")).encode()


@given(st.integers(0, 999), st.none() | st.builds(Expiry, st.just(2031), st.integers(1, 12)), TEXT)
def test_contents_are_canonical_json_and_round_trip(
    number: int, expiry: Expiry | None, name: str
) -> None:
    contents = Contents(pan(number), expiry, name, json.dumps({"line": name}))
    encoded = contents.encode()
    fields = json.loads(encoded)
    canonical = json.dumps(fields, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    same = canonical.encode() == encoded.rstrip(b" ")
    assert same
    again = Contents.decode(encoded) == contents
    assert again
    assert len(encoded) % 64 == 0


@pytest.mark.parametrize("foreign", [b"", b"[]x", b'{"number":"1"} x', b"\xff", b'{"expiry":""}'])
def test_foreign_contents_are_refused(foreign: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        Contents.decode(foreign)
