"""An encoded view shows what the card itself would, to everybody and at any time."""

from __future__ import annotations

import pytest
from cardvault.vault.v1 import card_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.ledger_rows import a_card
from vault.domain.card import (
    Agreement,
    Card,
    Hold,
    HoldType,
    Kind,
    Status,
    StoredCredential,
    TokenFormat,
    pack,
    pack_holds,
    pack_stored_credentials,
)
from vault.rpc.cards_out import View, encoded_view, masked, view_of

TIMES = st.sampled_from([0, 1_000, 2_000, 3_000_000_000_000_000])
TEXTS = st.text(max_size=8)
AGREEMENTS = st.builds(
    StoredCredential,
    merchant_account=TEXTS,
    agreement=st.sampled_from([each.value for each in Agreement]),
    initiator=st.just("CARDHOLDER"),
    consent_time=TIMES,
    consent_reference=TEXTS,
    withdraw_time=TIMES,
    network_transaction_ids=st.just((("VISA", "1234"),)),
)
HOLDS = st.frozensets(st.builds(Hold, st.sampled_from(HoldType), TEXTS), max_size=3)
CARDS = st.builds(
    lambda **columns: a_card("tok_a", **columns),
    revision=st.integers(1, 2**40),
    kind=st.sampled_from([each.value for each in Kind]),
    token_format=st.sampled_from([each.value for each in TokenFormat]),
    status=st.sampled_from([each.value for each in Status]),
    bin=st.sampled_from(["", "41111111"]),
    last4=st.sampled_from(["", "1111"]),
    expiry=st.sampled_from([0, 203105]),
    expiry_unconfirmed=st.booleans(),
    fingerprint=TEXTS,
    customer=TEXTS,
    update_time=TIMES,
    expire_time=TIMES,
    purge_time=TIMES,
    holds=HOLDS.map(pack_holds),
    stored_credentials=st.lists(AGREEMENTS, max_size=3).map(
        lambda rows: pack_stored_credentials(tuple(rows))
    ),
    metadata=st.dictionaries(TEXTS, TEXTS, max_size=3).map(pack),
    details=st.sampled_from(["", pack({"funding": "CREDIT", "issuer_country": "DE", "par": "P"})]),
)


@given(CARDS, st.sampled_from([6, 8]), st.booleans(), st.sampled_from([0, 999, 1_000, 2_001]))
def test_the_encoded_view_is_the_card(
    card: Card, bin_digits: int, fingerprint: bool, now: int
) -> None:
    view = View.of(bin_digits, fingerprint=fingerprint)
    shown = view_of(encoded_view(card), view, now)
    assert (shown == masked(card, view, now)) is True


def test_a_field_that_is_not_in_the_message_is_not_in_the_view() -> None:
    card = a_card("tok_a", sealed=b"contents of the card")
    assert (b"contents" in encoded_view(card)) is False
    assert pb.Card.FromString(encoded_view(card)).token == "tok_a"


@pytest.mark.parametrize("fingerprint", [True, False])
def test_who_may_see_less_sees_less(fingerprint: bool) -> None:
    raw = encoded_view(a_card("tok_a", bin="41111111"))
    shown = view_of(raw, View.of(6, fingerprint=fingerprint), 1)
    assert len(shown.bin) == 6
    assert bool(shown.fingerprint) is fingerprint
