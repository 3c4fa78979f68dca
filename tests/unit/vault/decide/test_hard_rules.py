"""Sections 5.1 and 5.4 of account-updater.md, rule by rule, by token and by number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_asker import Asker, asker, last4s
from tests.doubles.decide_bench import answer, by_number, edit, entry_of, told_in
from tests.doubles.vault_ledger import pan
from vault.domain.card import holds_of
from vault.domain.results import UpdateResult
from vault.usecases.decide.context import Rules

RENEWED, EXTENDED, CLOSED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED, Outcome.CLOSED
CORRECTED = Outcome.CORRECTED


@pytest.fixture(params=["token", "number"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(how: str) -> Asker:
    return asker(how)


@pytest.mark.parametrize(
    ("outcome", "status", "holds"),
    [
        (CLOSED, "CLOSED", 0),
        (Outcome.CONTACT_CARDHOLDER, "NEEDS_CARDHOLDER", 0),
        (Outcome.CLOSED_OR_CONTACT, "NEEDS_CARDHOLDER", 1),
        (Outcome.VALID_NO_CHANGE, "ACTIVE", 0),
        (Outcome.NO_MATCH, "ACTIVE", 0),
        (Outcome.NOT_PARTICIPATING, "ACTIVE", 0),
        (Outcome.UPDATE_EXPIRED, "ACTIVE", 0),
        (Outcome.UNSUPPORTED, "ACTIVE", 0),
    ],
)
def test_5_1_each_result_has_its_status(
    shop: Asker, outcome: Outcome, status: str, holds: int
) -> None:
    told, card = shop.says(outcome)
    assert told == ("NO_CHANGE" if status == "ACTIVE" else "APPLIED")
    assert (card.status, len(holds_of(card))) == (status, holds)


def test_5_1_closed_or_contact_goes_by_the_tenants_policy(how: str) -> None:
    shop = asker(how, Rules(closed_or_contact_closes=True))
    _told, card = shop.says(Outcome.CLOSED_OR_CONTACT)
    assert (card.status, card.holds) == ("CLOSED", "")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.REJECTED_INPUT,
        Outcome.REJECTED_MERCHANT,
        Outcome.REJECTED_DUPLICATE,
        Outcome.CHANNEL_ERROR,
        Outcome.UNKNOWN,
    ],
)
def test_5_1_what_is_no_answer_is_rejected(shop: Asker, outcome: Outcome) -> None:
    before = shop.card
    assert shop.says(outcome, number=2) == ("REJECTED", before)


def test_5_1_needs_cardholder_ends_with_the_networks_own_news(shop: Asker) -> None:
    shop.says(Outcome.CONTACT_CARDHOLDER, event=50)
    told, card = shop.says(EXTENDED, expiry=203312, event=51)
    assert (told, card.status) == ("APPLIED", "ACTIVE")


def test_5_1_a_correction_replaces_what_the_network_said_before(shop: Asker) -> None:
    shop.says(RENEWED, number=2, event=50)
    told, card = shop.says(CORRECTED, about=2, asked=2, number=1, event=60)
    assert (told, card.last4, card.credential_version) == ("APPLIED", pan(1).last4, 3)


def test_5_4_rule_1_the_version_counts_and_other_edits_do_not(shop: Asker) -> None:
    shop.bench.card(edit(shop.token, cardholder_name="J. Doe"))
    assert shop.says(RENEWED, number=2)[0] == "APPLIED"


def test_5_4_rule_2_a_known_descendant_is_no_news(shop: Asker) -> None:
    shop.says(RENEWED, number=2, event=50)
    shop.says(RENEWED, about=2, asked=2, number=3, event=60)
    before = shop.card
    assert shop.says(RENEWED, about=1, asked=1, number=2, event=70) == ("NO_CHANGE", before)
    assert shop.says(RENEWED, about=1, asked=1, number=3, event=70) == ("NO_CHANGE", before)
    assert shop.says(RENEWED, about=1, asked=1, number=9, event=40) == ("STALE", before)
    assert shop.says(RENEWED, about=1, asked=1, number=9, event=60) == ("CONFLICT", before)


def test_5_4_rule_2_unseen_and_newer_applies_by_token_and_waits_for_people_by_number(
    shop: Asker,
) -> None:
    shop.says(RENEWED, number=2, event=50)
    told, card = shop.says(RENEWED, about=1, asked=1, number=9, event=70)
    assert told == ("CONFLICT" if shop.number else "APPLIED")
    assert card.last4 == pan(2 if shop.number else 9).last4


def test_5_4_rule_5_closed_is_sticky_and_a_newer_number_reopens(shop: Asker) -> None:
    shop.says(CLOSED, event=50)
    for outcome in (Outcome.VALID_NO_CHANGE, Outcome.NO_MATCH, Outcome.NOT_PARTICIPATING):
        assert shop.says(outcome, event=60)[0] == "NO_CHANGE"
    assert shop.says(EXTENDED, expiry=203312, event=49)[0] == "STALE"
    assert shop.says(RENEWED, number=2, event=49)[0] == "STALE"
    assert shop.card.status == "CLOSED"
    told, card = shop.says(RENEWED, number=2, event=51)
    assert (told, card.status, card.last4) == ("APPLIED", "ACTIVE", pan(2).last4)


def test_5_4_rule_5_what_was_closed_before_it_was_replaced_stays_open() -> None:
    """By number: the closing of a number that is no longer the card's is only late."""
    shop = asker("number")
    shop.says(RENEWED, number=2, event=50)
    assert shop.says(CLOSED, event=60)[0] == "STALE"
    assert shop.card.status == "ACTIVE"
    told, card = shop.says(CLOSED, about=2, event=60)
    assert (told, card.status) == ("APPLIED", "CLOSED")
    assert shop.says(RENEWED, about=2, number=3, event=55)[0] == "STALE"  # said since: by its age


def test_5_4_rule_7_one_id_has_one_effect_a_card_whichever_way_it_is_said(shop: Asker) -> None:
    said: dict[str, Any] = {"number": 2, "update_id": "u-1"}
    assert shop.says(RENEWED, **said)[0] == "APPLIED"
    shop.number = not shop.number
    assert shop.says(RENEWED, **said)[0] == "DUPLICATE"


def test_a_contradiction_inside_one_flush_leaves_the_first(how: str) -> None:
    shop = asker(how)
    if how == "number":
        pair = [by_number(1, RENEWED, number=at, event=50) for at in (2, 3)]
        told = [told_in(each).disposition for each in shop.bench.flush(*map(entry_of, pair))]
        assert told == ["APPLIED", "CONFLICT"]
    else:
        both = [answer(shop.token, RENEWED, number=at, event=50) for at in (2, 3)]
        values = [each.value for each in shop.bench.flush(*map(entry_of, both))]  # type: ignore[union-attr]
        assert all(isinstance(value, UpdateResult) for value in values)
        assert [value.disposition.value for value in values] == ["APPLIED", "CONFLICT"]
    assert shop.numbers() == last4s(1, 2)
    record = json.dumps(shop.bench.records()[-1])
    leaked = any(pan(at).reveal() in record for at in (1, 2, 3))
    assert not leaked
