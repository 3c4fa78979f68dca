"""A card's row: what is packed comes back, and what counts as live, covered and findable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.decide_bench import COVERED, DAY_US, DecideBench, new_card
from vault.domain.card import (
    Card,
    ExistingKey,
    Hold,
    HoldType,
    StoredCredential,
    existing_key,
    holds_of,
    known_brand,
    metadata_of,
    pack,
    pack_holds,
    pack_stored_credentials,
    stored_credentials_of,
)

TEXT = st.text(max_size=12)
HOLDS = st.frozensets(st.builds(Hold, st.sampled_from(HoldType), TEXT), max_size=5)
AGREEMENTS = st.lists(
    st.builds(
        StoredCredential,
        merchant_account=TEXT,
        agreement=st.sampled_from(["ONE_TIME", "RECURRING", "INSTALLMENT", "UNSCHEDULED"]),
        initiator=TEXT,
        consent_time=st.integers(0, 1 << 60),
        consent_reference=TEXT,
        withdraw_time=st.integers(0, 1 << 60),
        network_transaction_ids=st.dictionaries(TEXT, TEXT, max_size=3).map(
            lambda ids: tuple(sorted(ids.items()))
        ),
    ),
    max_size=4,
    unique_by=lambda row: row.merchant_account,
)


def a_card(**fields: object) -> Card:
    return DecideBench().card(new_card(customer="c-1"))._replace(**fields)  # type: ignore[arg-type]


CARD = a_card()
NOW = CARD.create_time


@given(HOLDS)
def test_holds_come_back_and_equal_sets_are_equal_text(holds: frozenset[Hold]) -> None:
    text = pack_holds(holds)
    assert holds_of(CARD._replace(holds=text)) == holds
    assert pack_holds(frozenset(sorted(holds, reverse=True))) == text


@given(AGREEMENTS)
def test_agreements_come_back_in_the_order_of_their_accounts(rows: list[StoredCredential]) -> None:
    card = CARD._replace(stored_credentials=pack_stored_credentials(tuple(rows)))
    assert stored_credentials_of(card) == tuple(sorted(rows))


@given(st.dictionaries(TEXT, TEXT, max_size=5))
def test_metadata_comes_back(metadata: dict[str, str]) -> None:
    assert metadata_of(CARD._replace(metadata=pack(metadata))) == metadata


@pytest.mark.parametrize(
    ("agreement", "covers"),
    [
        (COVERED, True),
        (COVERED._replace(agreement="UNSCHEDULED"), True),
        (COVERED._replace(agreement="INSTALLMENT"), True),
        (COVERED._replace(agreement="ONE_TIME"), False),
        (COVERED._replace(withdraw_time=9), False),
        (COVERED._replace(consent_time=0), False),
    ],
)
def test_an_agreement_covers_updates_while_consent_stands_and_it_is_not_for_once(
    agreement: StoredCredential, *, covers: bool
) -> None:
    assert agreement.covers_updates is covers


@pytest.mark.parametrize(
    ("status", "live"),
    [("ACTIVE", True), ("NEEDS_CARDHOLDER", True), ("CLOSED", False), ("DELETED", False)],
)
def test_live_is_active_or_in_need_of_the_cardholder(status: str, *, live: bool) -> None:
    card = CARD._replace(status=status)
    assert card.live_at(NOW) is live
    assert (existing_key(card, NOW) is not None) is live
    assert card.status_at(NOW) == status


def test_past_its_time_to_live_a_card_is_deleted_at_once() -> None:
    card = CARD._replace(expire_time=NOW + DAY_US)
    assert (card.live_at(NOW + DAY_US - 1), card.status_at(NOW + DAY_US - 1)) == (True, "ACTIVE")
    assert (card.live_at(NOW + DAY_US), card.status_at(NOW + DAY_US)) == (False, "DELETED")


def test_only_a_customers_card_without_a_time_to_live_is_found_again() -> None:
    assert existing_key(CARD, NOW) == ExistingKey(
        CARD.tenant, CARD.fingerprint, "c-1", "FPAN", "OPAQUE"
    )
    assert existing_key(CARD._replace(customer=""), NOW) is None
    assert existing_key(CARD._replace(expire_time=NOW + DAY_US), NOW) is None


def test_a_cards_row_names_its_brand_its_key_and_its_times() -> None:
    card = CARD._replace(event_time=3, file_time=2, asked_time=1)
    assert known_brand(card).value == "VISA"
    assert card.times == (3, 2, 1)
    assert card.key_id == b"record-1"
    assert card._replace(sealed=None).key_id == b""
