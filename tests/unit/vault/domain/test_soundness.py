"""A card that can't be what was stored is told from one that can, whichever column was hit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.ledger_rows import a_card
from vault.domain.card import (
    Card,
    Hold,
    HoldType,
    Status,
    StoredCredential,
    pack,
    pack_holds,
    pack_stored_credentials,
)
from vault.domain.reasons import Reason, VaultError
from vault.domain.soundness import _FUNDING, damaged, mistyped
from vault.rpc.cards_out import View, masked
from vault.rpc.credentials import credential_out
from vault.rpc.enums import FUNDING

VIEW = View.of(8, fingerprint=True)
RICH = a_card(
    "tok_a",
    holds=pack_holds(
        frozenset({Hold(HoldType.RECURRING_STOPPED, "m-1"), Hold(HoldType.LEGAL_HOLD)})
    ),
    stored_credentials=pack_stored_credentials(
        (StoredCredential("m-1", "RECURRING", "CARDHOLDER", 5, "ref", 0, (("VISA", "1"),)),)
    ),
    metadata=pack({"order": "12", "name": "Zoë 💳"}),
    details=pack({"funding": "DEBIT", "last_decline_code": "05", "last_decline_time": 7}),
)
TEXTS = ("kind", "token_format", "status", "brand", "holds", "stored_credentials")
JSON = ("holds", "stored_credentials", "metadata", "details")


def with_(column: str, value: Any) -> Card:
    """Return the card with another value in one column, of whatever type."""
    return RICH._replace(**{column: value})


def test_a_card_as_it_was_stored_is_sound() -> None:
    assert not damaged(RICH)
    assert not damaged(a_card("tok_a"))
    for status in Status:
        assert not damaged(RICH._replace(status=status.value, status_before=status.value))
    assert {"", *FUNDING.number} == _FUNDING


@pytest.mark.parametrize(
    "column", ["create_time", "update_time", "expire_time", "purge_time", "revision", "expiry"]
)
@pytest.mark.parametrize(
    "value", [-1, 1 << 63, 1.5, "1", b"1", None], ids=lambda v: type(v).__name__
)
def test_a_number_of_no_such_kind_is_seen(column: str, value: object) -> None:
    assert damaged(with_(column, value))


@pytest.mark.parametrize("column", [*TEXTS, "status_before", *JSON])
def test_a_name_that_none_has_is_seen(column: str) -> None:
    assert damaged(with_(column, "WRONG"))
    assert damaged(with_(column, b"ACTIVE"))


def test_what_passes_for_sound_can_be_shown_whatever_bit_was_hit() -> None:
    """Each bit of each text: a flip is either seen, or leaves a card that can be shown."""
    seen = shown = 0
    for column in (*TEXTS, *JSON):
        plain = getattr(RICH, column).encode()
        for at in range(len(plain) * 8):
            hit = bytearray(plain)
            hit[at // 8] ^= 1 << at % 8
            try:
                card = with_(column, hit.decode())
            except UnicodeDecodeError:
                continue  # the store can't even read it
            if damaged(card):
                seen += 1
                continue
            assert masked(card, VIEW, 10).token == "tok_a"
            assert credential_out(card, "", 10, fingerprints=True).token == "tok_a"
            shown += 1
    assert seen > 500
    assert shown > 500


def test_a_value_of_another_type_is_seen_in_any_row() -> None:
    assert not mistyped(RICH)
    assert not mistyped(RICH._replace(sealed=None))
    for column, value in (("revision", 1.5), ("brand", b"VISA"), ("sealed", "x")):
        assert mistyped(with_(column, value))


def test_what_nobody_looked_at_before_is_refused_when_it_is_shown() -> None:
    for column in ("status", *JSON):
        card = with_(column, "WRONG")
        with pytest.raises(VaultError, match=Reason.DATA_CORRUPT.value):
            masked(card, VIEW, 10)
    for column in ("kind", "holds", "stored_credentials", "details"):
        card = with_(column, "WRONG")
        with pytest.raises(VaultError, match=Reason.DATA_CORRUPT.value):
            credential_out(card, "", 10, fingerprints=True)
