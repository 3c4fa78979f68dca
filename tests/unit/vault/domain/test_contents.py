"""What is sealed: canonical JSON that anything reads, padded, and never printed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.expiry import Expiry
from cards.pan import Pan, PanInvalid
from tests.doubles.decide_bench import DecideBench, new_card
from tests.doubles.vault_ledger import pan
from vault.domain.contents import Contents
from vault.domain.results import Revealed

TEXT = st.text(st.characters(codec="utf-8"), max_size=80)
EXPIRIES = st.none() | st.builds(Expiry, st.integers(2000, 2099), st.integers(1, 12))


@given(counter=st.integers(0, 9_999), expiry=EXPIRIES, name=TEXT, address=TEXT)
def test_contents_come_back_and_any_json_reader_reads_them(
    counter: int, expiry: Expiry | None, name: str, address: str
) -> None:
    number = pan(counter)
    plaintext = Contents(number, expiry, name, address).encode()
    got = Contents.decode(plaintext)
    same = (got.pan, got.expiry, got.billing_address) == (number, expiry, address)
    assert same
    assert got.cardholder_name == name
    assert len(plaintext) % 64 == 0
    fields = json.loads(plaintext)
    same = fields.pop("number") == number.reveal()
    assert same
    wanted = {"name": name, "address": address}
    if expiry is not None:
        wanted["expiry"] = f"{expiry.year}-{expiry.month:02d}"
    assert fields == {key: value for key, value in wanted.items() if value}


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"{", b"{}", b'{"number":"12"}', b'{"name":"x"}', b"\xff\xfe", b"1 2", b'{"number":1'],
)
def test_anything_else_is_refused(plaintext: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        Contents.decode(plaintext)


def test_neither_contents_nor_what_is_revealed_is_printed() -> None:
    contents = Contents(pan(1), Expiry(2031, 5), "Jane Doe")
    revealed = Revealed(DecideBench().card(new_card(1)), contents, 1)
    assert (repr(contents), repr(revealed)) == ("<Contents>", "<Revealed>")


def test_a_number_that_the_brand_table_would_refuse_today_still_opens() -> None:
    digits = pan(1).reveal()
    for refused_now in (digits[:-1] + str((int(digits[-1]) + 1) % 10), digits[:14]):
        with pytest.raises(PanInvalid):
            Pan(refused_now)
        got = Contents.decode(json.dumps({"number": refused_now}).encode())
        same = got.pan.reveal() == refused_now
        assert same


@pytest.mark.parametrize(
    "number", ["", "1" * 11, "1" * 20, "1234 5678 9012", "abcdefghijklm"], ids=len
)
def test_what_never_was_a_number_does_not_decode(number: str) -> None:
    with pytest.raises(ValueError, match="card number"):
        Contents.decode(json.dumps({"number": number}).encode())
