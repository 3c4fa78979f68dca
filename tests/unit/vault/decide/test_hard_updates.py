"""The hard tests of account-updater.md, section C, that the vault decides.

Each by token and by number, over one small world: an `Asker` says an answer either way. What a
channel, a file or an inquiry decides (C4, C10's mapping, C15 to C17, C20's files, C21) is the
updater's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_asker import Asker, asker, last4s
from tests.doubles.decide_bench import COVERED, by_number, edit, mastercard, new_card, told_in
from tests.doubles.vault_ledger import keys_of, pan
from vault.crypto.blob import RecordKey
from vault.domain.card import Hold, HoldType, Status, holds_of, stored_credentials_of
from vault.domain.intents import DeleteCard, NoteDecline, SetStatus

RENEWED, EXTENDED, CLOSED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED, Outcome.CLOSED
CORRECTED, OPTED_OUT, STOPPED = Outcome.CORRECTED, Outcome.OPTED_OUT, Outcome.STOP_RECURRING
OTHERS = COVERED._replace(merchant_account="other")


@pytest.fixture(params=["token", "number"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(how: str) -> Asker:
    return asker(how)


# ---- C1 to C9


def test_c1_a_chain_in_one_file_is_followed_a_switch_a_row(shop: Asker) -> None:
    for at, asked in ((1, 1), (2, 2)):
        told, _card = shop.says(RENEWED, about=at, asked=asked, number=at + 1, file_time=5)
        assert told == "APPLIED"
    assert shop.numbers() == last4s(1, 2, 3)
    assert [kind for _at, kind in shop.bench.events(shop.token)[1:]] == [
        "cardvault.card.updated"
    ] * 2


@pytest.mark.parametrize("first", ["token", "number"])
@pytest.mark.parametrize("same_file", [False, True])
def test_c2_the_rows_reversed_end_where_they_end_in_order(first: str, *, same_file: bool) -> None:
    """By number only: by token, nobody can have asked about a version that is not there."""
    shop = asker("number")
    file = "f-1" if same_file else "f-2"
    assert shop.says(RENEWED, about=2, number=3, file="f-1", file_time=5)[0] == "PARKED"
    shop.number = first == "number"
    told, _card = shop.says(RENEWED, number=2, file=file, file_time=5 if same_file else 9)
    assert (told, shop.numbers(), shop.bench.parked()) == ("APPLIED", last4s(1, 2, 3), [])


@pytest.mark.parametrize(
    ("event", "told", "end"), [(51, "APPLIED", 1), (50, "CONFLICT", 2), (49, "STALE", 2)]
)
@pytest.mark.parametrize("file", ["f-1", "f-2"])
def test_c3_a_cycle_is_followed_only_if_it_is_newer(
    shop: Asker, file: str, event: int, told: str, end: int
) -> None:
    shop.says(RENEWED, number=2, event=50)
    said, card = shop.says(RENEWED, about=2, asked=2, number=1, event=event, file=file)
    assert (said, card.last4) == (told, pan(end).last4)


def test_c3_a_cycle_in_a_file_without_times_does_not_chase_itself(shop: Asker) -> None:
    rows = [(1, 2), (2, 1)] * 4
    for at, (old, new) in enumerate(rows):
        shop.says(RENEWED, about=old, asked=1 + at % 2, number=new, file_time=5)
    assert shop.numbers() == last4s(1, 2)


def test_c3_a_parked_half_of_a_cycle_does_not_turn_it() -> None:
    shop = asker("number")
    assert shop.says(RENEWED, about=2, number=1, event=50)[0] == "PARKED"
    assert shop.says(RENEWED, about=1, number=2, event=50)[0] == "APPLIED"
    assert (shop.numbers(), shop.bench.parked()) == (last4s(1, 2), [])
    assert shop.bench.records()[-1]["result"] == "conflict"


def test_c5_the_same_answer_in_two_rows_files_and_channels_makes_one_version(shop: Asker) -> None:
    fields: dict[str, Any] = {"number": 2, "expiry": 203312, "event": 50}
    assert shop.says(RENEWED, update_id="row-1", **fields)[0] == "APPLIED"
    before = shop.card
    for update_id, event, told in (
        ("row-1", 50, "DUPLICATE"),  # the same file again
        ("row-2", 50, "NO_CHANGE"),  # twice inside it
        ("push-9", 49, "NO_CHANGE"),  # over another channel
        ("push-10", 51, "NO_CHANGE"),
    ):
        again = shop.says(RENEWED, update_id=update_id, **{**fields, "event": event})
        assert again == (told, before)


def test_c5_an_answer_by_token_and_the_same_by_number_make_one_version() -> None:
    for ways in (("token", "number"), ("number", "token")):
        shop = asker(ways[0])
        assert shop.says(RENEWED, number=2, event=50)[0] == "APPLIED"
        shop.number = not shop.number
        assert shop.says(RENEWED, number=2, event=50)[0] == "NO_CHANGE"
        assert shop.numbers() == last4s(1, 2)


def test_c6_a_late_answer_leaves_the_cardholders_new_card_alone(shop: Asker) -> None:
    own = shop.bench.card(edit(shop.token, number=4))
    assert shop.says(RENEWED, number=2, event=99) == ("STALE", own)
    assert shop.says(CLOSED, event=99) == ("STALE", own)
    assert shop.says(RENEWED, about=4, asked=2, number=5)[0] == "APPLIED"


@pytest.mark.parametrize(
    ("outcome", "told", "expiry"),
    [(EXTENDED, "REJECTED", 203105), (RENEWED, "REJECTED", 203105), (CORRECTED, "APPLIED", 203104)],
)
def test_c7_only_a_correction_moves_an_expiry_back(
    shop: Asker, outcome: Outcome, told: str, expiry: int
) -> None:
    number = None if outcome is EXTENDED else 1
    said, card = shop.says(outcome, number=number, expiry=203104)
    assert (said, card.expiry) == (told, expiry)
    if told == "REJECTED":
        assert shop.bench.records()[-1]["reason"] == "an earlier expiry"


def test_c8_a_number_without_an_expiry_keeps_the_old_one_unconfirmed(shop: Asker) -> None:
    told, card = shop.says(RENEWED, number=2)
    assert (told, card.expiry, card.expiry_unconfirmed) == ("APPLIED", 203105, True)
    told, card = shop.says(EXTENDED, about=2, asked=2, expiry=203105, asked_time=2)
    assert (told, card.expiry_unconfirmed, card.credential_version) == ("APPLIED", False, 2)


@pytest.mark.parametrize("outcome", [RENEWED, Outcome.BRAND_CHANGED, CORRECTED])
def test_c9_what_a_number_means_is_in_the_data_too(shop: Asker, outcome: Outcome) -> None:
    told, card = shop.says(outcome, number=1, expiry=203105)
    assert (told, card.credential_version) == ("NO_CHANGE", 1)
    shop.bench.card(SetStatus(shop.token, 0, Status.CLOSED))
    told, card = shop.says(outcome, number=1, expiry=203206, asked_time=2)
    assert (told, card.expiry, card.status) == ("APPLIED", 203206, "CLOSED")  # reopens nothing


# ---- C10 to C14


def test_c10_a_number_beside_closed_is_not_used(shop: Asker) -> None:
    """Section 1.6: issuers send C with the new-number field filled; a C it is nevertheless."""
    told, card = shop.says(CLOSED, number=2)
    assert (told, card.status, card.last4) == ("APPLIED", "CLOSED", pan(1).last4)


def test_c10_and_c11_another_brand_moves_everything_that_hangs_on_the_network(how: str) -> None:
    shop = asker(how, stored_credentials=(COVERED, OTHERS))
    shop.bench.card(NoteDecline(shop.token, "05", 7))
    told, card = shop.says(Outcome.BRAND_CHANGED, number=mastercard(3), expiry=203312)
    assert (told, card.brand, card.details) == ("APPLIED", "MASTERCARD", "")
    agreements = stored_credentials_of(card)
    assert [row.network_transaction_ids for row in agreements] == [(), ()]
    assert [row.covers_updates for row in agreements] == [True, True]  # enrolled at the new one
    told, card = shop.says(Outcome.BRAND_CHANGED, about=mastercard(3), asked=2, number=2, event=9)
    assert (told, card.brand) == ("APPLIED", "VISA")


def test_c12_no_match_is_no_opt_out_and_enabling_it_later_tells_once(shop: Asker) -> None:
    told, before = shop.says(Outcome.NO_MATCH)
    assert (told, holds_of(before)) == ("NO_CHANGE", frozenset())
    told, card = shop.says(OPTED_OUT)
    assert told == "APPLIED"
    assert holds_of(card) == {Hold(HoldType.UPDATER_OPTED_OUT, "shop")}
    for outcome in (OPTED_OUT, Outcome.NO_MATCH, OPTED_OUT):
        assert shop.says(outcome) == ("NO_CHANGE", card)
    assert [kind for _at, kind in shop.bench.events(shop.token)[1:]] == [
        "cardvault.card.hold_changed"
    ]


@pytest.mark.parametrize("outcome", [OPTED_OUT, STOPPED])
def test_c13_a_hold_is_one_merchant_accounts_and_one_tenants(how: str, outcome: Outcome) -> None:
    shop = asker(how, stored_credentials=(COVERED, OTHERS))
    theirs = shop.bench.card(new_card(1), tenant="other")
    told, card = shop.says(outcome)
    assert told == "APPLIED"
    assert {hold.merchant_account for hold in holds_of(card)} == {"shop"}
    assert shop.bench.stored(theirs.token, "other") == theirs
    told, card = shop.says(RENEWED, number=2, merchant="other")
    assert (told, shop.bench.stored(theirs.token, "other")) == ("APPLIED", theirs)
    refused = ("NOT_FOUND" if how == "number" else "REJECTED") if outcome is OPTED_OUT else None
    told, after = shop.says(RENEWED, about=2, asked=2, number=3, asked_time=2)
    assert told == (refused or "APPLIED")
    assert (after == card) is (refused is not None)


def test_c13_two_tenants_with_one_number_are_strangers(how: str) -> None:
    shop = asker(how)
    theirs = shop.bench.card(new_card(1), tenant="other")
    assert shop.says(RENEWED, number=2)[0] == "APPLIED"
    assert shop.bench.stored(theirs.token, "other") == theirs
    assert shop.card.fingerprint != theirs.fingerprint
    shop.bench.card(DeleteCard(shop.token, 0, 0))
    told = told_in(shop.bench.do(by_number(1, RENEWED, number=2), tenant="other"))
    assert told.cards == {theirs.token: "APPLIED"}
    moved = shop.bench.stored(theirs.token, "other")
    assert moved is not None
    assert moved.fingerprint != shop.card.fingerprint  # equal numbers, and nobody can tell


def test_c14_two_customers_with_one_number_are_both_updated() -> None:
    shop = asker("number", customer="c-1")
    second = shop.bench.card(new_card(1, customer="c-2")).token
    told = shop.bench.by_number(1, RENEWED, number=2)
    assert told.cards == {shop.token: "APPLIED", second: "APPLIED"}
    twin = shop.bench.stored(second)
    assert twin is not None
    assert (twin.fingerprint, twin.last4) == (shop.card.fingerprint, pan(2).last4)


# ---- C18, C19, C22


def test_c18_a_row_that_comes_after_the_time_out_still_applies(shop: Asker) -> None:
    assert shop.says(Outcome.UNANSWERED, update_id="u-timeout")[0] == "NO_CHANGE"
    assert shop.says(RENEWED, number=2, update_id="u-row")[0] == "APPLIED"
    assert shop.numbers() == last4s(1, 2)


def test_c19_a_number_that_is_none_leaves_the_old_one_current(shop: Asker) -> None:
    before = shop.card
    assert shop.says(RENEWED, number_unusable=True) == ("REJECTED", before)


def test_c22_a_key_rotated_in_the_middle_of_a_file_changes_nothing(shop: Asker) -> None:
    bench, old = shop.bench, keys_of("demo")
    if shop.number:
        assert shop.says(RENEWED, about=3, number=4)[0] == "PARKED"
    assert shop.says(RENEWED, number=2)[0] == "APPLIED"
    record = RecordKey(b"record-2", b"2" * 32)
    records = {**old.records, record.key_id: record}
    bench.keys["demo"] = replace(old, record=record, records=records)
    assert shop.says(RENEWED, about=2, asked=2, number=3)[0] == "APPLIED"
    assert shop.numbers() == last4s(*([1, 2, 3, 4] if shop.number else [1, 2, 3]))
    assert shop.card.key_id == b"record-2"
    assert (bench.reveal(shop.token).pan == pan(4 if shop.number else 3)) is True
