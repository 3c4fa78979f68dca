"""Answers by number: whom they touch, what they do to each card, and what they leave alone.

Sources: api.md, CredentialService; account-updater.md, 5.4 and C; ADR 0021.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import (
    COVERED,
    DecideBench,
    answer,
    by_number,
    edit,
    entry_of,
    new_card,
    told_in,
)
from tests.doubles.vault_ledger import pan
from vault.domain.card import Hold, HoldType, Kind, Status, StoredCredential, holds_of
from vault.domain.intents import ApplyByNumber, DeleteCard, Intent
from vault.domain.reasons import Reason
from vault.usecases.ledger.links import HOLDERS

RENEWED, EXTENDED, CLOSED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED, Outcome.CLOSED
ALL_NEWS = (RENEWED, EXTENDED, CLOSED, Outcome.OPTED_OUT, Outcome.VALID_NO_CHANGE)
OTHERS = COVERED._replace(merchant_account="other")


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


def last4(bench: DecideBench, token: str, tenant: str = "demo") -> str:
    card = bench.stored(token, tenant)
    assert card is not None
    return card.last4


def test_every_card_with_the_number_is_updated_and_told_of(bench: DecideBench) -> None:
    tokens = [bench.card(new_card(1, customer=f"c-{at}")).token for at in range(3)]
    other = bench.card(new_card(5)).token
    told = bench.by_number(1, RENEWED, number=2, expiry=203312)
    assert told == ("APPLIED", dict.fromkeys(sorted(tokens), "APPLIED"), "")
    assert {last4(bench, token) for token in tokens} == {pan(2).last4}
    assert last4(bench, other) == pan(5).last4
    cards = [bench.stored(token) for token in tokens]
    assert len({card.fingerprint for card in cards if card}) == 1
    assert [bench.events(token)[-1] for token in tokens] == [(2, "cardvault.card.updated")] * 3
    records = bench.records()[-3:]
    assert {(each["action"], each["result"]) for each in records} == {
        ("card.apply_update", "applied")
    }
    assert sorted(each["token"] for each in records) == sorted(tokens)


UNCOVERED: dict[str, tuple[StoredCredential, ...]] = {
    "no agreement": (),
    "another account's agreement": (OTHERS,),
    "one time": (COVERED._replace(agreement="ONE_TIME"),),
    "no consent": (COVERED._replace(consent_time=0),),
    "consent withdrawn": (COVERED._replace(withdraw_time=5),),
}


@pytest.mark.parametrize("agreements", UNCOVERED.values(), ids=UNCOVERED)
@pytest.mark.parametrize("outcome", ALL_NEWS)
def test_cards_that_are_not_enrolled_are_neither_touched_nor_told_of(
    bench: DecideBench, agreements: tuple[StoredCredential, ...], outcome: Outcome
) -> None:
    before = bench.card(new_card(1, stored_credentials=agreements))
    told = bench.by_number(1, outcome, number=2, expiry=203312)
    assert told == ("NOT_FOUND", {}, "")
    assert bench.stored(before.token) == before
    assert bench.parked() == []  # somebody of the tenant has the number
    covered = bench.card(new_card(1)).token
    told = bench.by_number(1, outcome, number=2, expiry=203312)
    assert list(told.cards) == [covered]
    assert bench.stored(before.token) == before


@pytest.mark.parametrize("kind", [Kind.DPAN, Kind.MPAN, Kind.NETWORK_TOKEN])
def test_only_fpans_are_looked_at(bench: DecideBench, kind: Kind) -> None:
    before = bench.card(new_card(1, kind=kind))
    assert bench.by_number(1, CLOSED).disposition == "NOT_FOUND"
    assert bench.by_number(1, RENEWED, number=2).disposition == "PARKED"
    assert bench.stored(before.token) == before


def test_an_opt_out_shields_its_account_alone_and_may_be_said_again(bench: DecideBench) -> None:
    """Spec C13, within a tenant: per merchant account."""
    token = bench.card(new_card(1, stored_credentials=(COVERED, OTHERS))).token
    optout = by_number(1, Outcome.OPTED_OUT)
    assert told_in(bench.do(optout)) == ("APPLIED", {token: "APPLIED"}, "")
    assert told_in(bench.do(optout)).disposition == "DUPLICATE"
    assert bench.by_number(1, Outcome.OPTED_OUT).disposition == "NO_CHANGE"
    assert bench.by_number(1, RENEWED, number=2) == ("NOT_FOUND", {}, "")
    assert bench.by_number(1, CLOSED) == ("NOT_FOUND", {}, "")
    assert bench.by_number(1, Outcome.VALID_NO_CHANGE).disposition == "NO_CHANGE"
    assert bench.by_number(1, RENEWED, number=2, merchant="other").disposition == "APPLIED"


def test_another_tenant_is_never_touched_nor_seen(bench: DecideBench) -> None:
    """Spec C13: two tenants, one number; neither answer nor disposition tells of the other."""
    ours, theirs = bench.card(new_card(1)), bench.card(new_card(1), tenant="other")
    assert ours.fingerprint != theirs.fingerprint
    assert bench.by_number(1, Outcome.OPTED_OUT).cards == {ours.token: "APPLIED"}
    assert bench.stored(theirs.token, "other") == theirs
    outcome = bench.do(by_number(1, RENEWED, number=2), tenant="other")
    assert told_in(outcome) == ("APPLIED", {theirs.token: "APPLIED"}, "")
    assert last4(bench, ours.token) == pan(1).last4
    alone = bench.do(by_number(5, RENEWED, number=6), tenant="third")
    assert told_in(alone).disposition == "PARKED"
    bench.card(new_card(5))
    assert bench.parked() == []
    bench.card(DeleteCard(theirs.token, 0, 0), tenant="other")
    assert bench.by_number(1, Outcome.OPTED_OUT).cards == {ours.token: "NO_CHANGE"}


def test_a_deleted_card_has_the_number_and_is_not_touched(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    bench.card(DeleteCard(token, 0, 1 << 40))
    assert bench.by_number(1, RENEWED, number=2) == ("NOT_FOUND", {}, "")
    assert bench.parked() == []


def test_each_card_is_decided_by_itself(bench: DecideBench) -> None:
    fresh = bench.card(new_card(1, expiry=203105)).token
    later = bench.card(new_card(1, expiry=203501)).token
    told = bench.by_number(1, EXTENDED, expiry=203312)
    assert told == ("APPLIED", {fresh: "APPLIED", later: "REJECTED"}, "")
    again = bench.by_number(1, EXTENDED, expiry=203312)
    assert again.cards == {fresh: "NO_CHANGE", later: "REJECTED"}
    assert (again.disposition, again.reason) == ("REJECTED", "EXPIRY_BACKWARDS")


def test_one_corrupt_card_holds_no_other_up(bench: DecideBench) -> None:
    broken, whole = bench.card(new_card(1)), bench.card(new_card(1))
    bench.tables.cards[broken.key] = broken._replace(sealed=b"x" * len(broken.sealed or b""))
    told = bench.by_number(1, RENEWED, number=2)
    assert told == ("APPLIED", {broken.token: "REJECTED", whole.token: "APPLIED"}, "")
    assert bench.records()[-2]["reason"] == Reason.DATA_CORRUPT


def test_an_answer_has_one_effect_a_card_and_reaches_those_that_come_later(
    bench: DecideBench,
) -> None:
    first = bench.card(new_card(1)).token
    intent = by_number(1, RENEWED, number=2)
    assert told_in(bench.do(intent)).cards == {first: "APPLIED"}
    second = bench.card(new_card(1)).token
    assert told_in(bench.do(intent)) == ("APPLIED", {first: "DUPLICATE", second: "APPLIED"}, "")
    assert told_in(bench.do(intent)).disposition == "DUPLICATE"
    assert len(bench.tables.applied) == 2


def test_an_answer_stays_known_when_its_account_has_left_the_card(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    intent = by_number(1, RENEWED, number=2)
    bench.do(intent)
    bench.by_number(2, Outcome.OPTED_OUT)
    assert told_in(bench.do(intent)) == ("DUPLICATE", {token: "DUPLICATE"}, "")
    bench.card(edit(token, stored_credentials=()))
    assert told_in(bench.do(intent)) == ("DUPLICATE", {token: "DUPLICATE"}, "")


def test_twice_in_one_flush_is_once(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    intent = by_number(1, RENEWED, number=2)
    outcomes = bench.flush(entry_of(intent), entry_of(intent))
    assert [told_in(each).cards for each in outcomes] == [
        {token: "APPLIED"},
        {token: "DUPLICATE"},
    ]


# ---- numbers that cards had


def test_a_superseded_number_leaves_the_current_one_alone(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    assert bench.by_number(1, RENEWED, number=2, event=50).disposition == "APPLIED"
    before = bench.stored(token)
    for outcome, number, expiry, event, told in (
        (RENEWED, 2, 0, 60, "NO_CHANGE"),  # the known descendant
        (RENEWED, 2, 203105, 60, "NO_CHANGE"),
        (RENEWED, 3, 0, 40, "STALE"),  # unseen, and older
        (RENEWED, 3, 0, 50, "CONFLICT"),  # unseen: a person has to decide
        (RENEWED, 3, 0, 60, "CONFLICT"),
        (Outcome.CORRECTED, 3, 0, 60, "CONFLICT"),
        (Outcome.CORRECTED, 2, 0, 60, "NO_CHANGE"),
        (EXTENDED, None, 203312, 60, "STALE"),
        (CLOSED, None, 0, 60, "STALE"),
        (Outcome.VALID_NO_CHANGE, None, 0, 60, "NO_CHANGE"),
    ):
        found = bench.by_number(1, outcome, number=number, expiry=expiry, event=event)
        assert found == (told, {token: told}, ""), (outcome, event)
        assert bench.stored(token) == before
    assert bench.parked() == []


def test_an_opt_out_follows_the_lineage_of_networks(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    bench.by_number(1, RENEWED, number=2)
    assert bench.by_number(1, Outcome.OPTED_OUT).disposition == "APPLIED"
    card = bench.stored(token)
    assert card is not None
    assert holds_of(card) == {Hold(HoldType.UPDATER_OPTED_OUT, "shop")}


@pytest.mark.parametrize("event", [0, 99])
@pytest.mark.parametrize("outcome", ALL_NEWS[:-1])
def test_a_cardholders_own_number_is_no_heir_of_the_one_before(
    bench: DecideBench, outcome: Outcome, event: int
) -> None:
    """Spec C6, by number: lineage follows network updates only."""
    token = bench.card(new_card(1)).token
    before = bench.card(edit(token, number=4))
    told = bench.by_number(1, outcome, number=2, expiry=203312, event=event)
    assert told == ("STALE", {token: "STALE"}, "")
    assert bench.stored(token) == before
    assert bench.by_number(4, RENEWED, number=5).disposition == "APPLIED"
    assert bench.by_number(1, RENEWED, number=2, event=event).disposition == "STALE"
    assert last4(bench, token) == pan(5).last4


def test_of_two_cards_one_has_the_number_and_one_had_it(bench: DecideBench) -> None:
    had, has = bench.card(new_card(1)).token, bench.card(new_card(9)).token
    bench.update(answer(had, RENEWED, number=2, event=50))
    bench.card(edit(has, number=1))
    told = bench.by_number(1, RENEWED, number=3, event=40)
    assert told == ("APPLIED", {had: "STALE", has: "APPLIED"}, "")


def test_a_number_that_came_back_is_the_current_one(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    bench.by_number(1, RENEWED, number=2, event=50)
    bench.by_number(2, RENEWED, number=1, event=60)
    assert bench.by_number(1, EXTENDED, expiry=203312, event=70).disposition == "APPLIED"
    card = bench.stored(token)
    assert card is not None
    assert (card.credential_version, card.last4, card.expiry) == (4, pan(1).last4, 203312)


# ---- in one flush


def test_a_chain_in_one_flush_is_followed_by_number(bench: DecideBench) -> None:
    token = bench.card(new_card(1, customer="c-1")).token
    rows = [by_number(at, RENEWED, number=at + 1, file_time=9) for at in (1, 2, 3)]
    outcomes = bench.flush(*map(entry_of, rows))
    assert [told_in(each).disposition for each in outcomes] == ["APPLIED"] * 3
    assert last4(bench, token) == pan(4).last4
    assert [told_in(bench.do(row)).disposition for row in rows] == ["DUPLICATE"] * 3
    again = bench.card(new_card(4, customer="c-1"))
    assert again.token == token  # the pointer came along


@pytest.mark.parametrize("first", ["token", "number", "cardholder"])
def test_what_a_chain_meets_on_its_way_through_one_flush_is_read_before(
    bench: DecideBench, first: str
) -> None:
    """The fingerprint and the pointer at its end, and what the card was told under that id."""
    standing = bench.card(new_card(3, customer="c-1")).token
    bench.clock.advance(1)
    token = bench.card(new_card(1, customer="c-1")).token
    bench.update(answer(token, Outcome.NO_MATCH, update_id="u-heard"))
    ways: dict[str, Intent] = {
        "token": answer(token, RENEWED, number=2),
        "number": by_number(1, RENEWED, number=2),
        "cardholder": edit(token, number=2),
    }
    heard = by_number(2, RENEWED, number=9, update_id="u-heard")
    rows: list[Intent] = [ways[first], heard, by_number(2, RENEWED, number=3)]
    outcomes = bench.flush(*map(entry_of, rows))
    assert [told_in(each).cards[token] for each in outcomes[1:]] == ["DUPLICATE", "APPLIED"]
    assert bench.stored(token).fingerprint == bench.stored(standing).fingerprint  # type: ignore[union-attr]
    assert bench.card(new_card(3, customer="c-1")).token == standing


def test_a_chain_that_begins_by_token_goes_on_by_number(bench: DecideBench) -> None:
    token = bench.card(new_card(1, customer="c-1")).token
    outcomes = bench.flush(
        entry_of(answer(token, RENEWED, number=2)), entry_of(by_number(2, RENEWED, number=3))
    )
    assert told_in(outcomes[1]).cards == {token: "APPLIED"}
    assert last4(bench, token) == pan(3).last4


def test_what_the_cardholder_enters_in_the_same_flush_counts(bench: DecideBench) -> None:
    token = bench.card(new_card(1, customer="c-1")).token
    outcomes = bench.flush(
        entry_of(edit(token, number=4)),
        entry_of(by_number(1, RENEWED, number=2)),
        entry_of(by_number(4, RENEWED, number=5)),
    )
    assert [told_in(each).disposition for each in outcomes[1:]] == ["STALE", "APPLIED"]
    assert last4(bench, token) == pan(5).last4


def test_pointers_follow_both_of_a_customers_cards(bench: DecideBench) -> None:
    first = bench.card(new_card(1, customer="c-1")).token
    bench.clock.advance(1)
    second = bench.card(new_card(1, customer="c-1", on_existing="NEW")).token
    standing = bench.card(new_card(2, customer="c-1")).token
    bench.by_number(1, RENEWED, number=2)
    assert bench.card(new_card(2, customer="c-1")).token == first
    assert set(bench.tables.existing.values()) == {first}
    assert {last4(bench, each) for each in (first, second, standing)} == {pan(2).last4}


# ---- what cannot be taken


@pytest.mark.parametrize(
    ("fields", "outcome", "reason"),
    [
        ({}, RENEWED, "INVALID_UPDATE"),
        ({}, EXTENDED, "INVALID_UPDATE"),
        ({}, Outcome.UNKNOWN, "INVALID_UPDATE"),
        ({"number_unusable": True}, RENEWED, "CARD_NUMBER_INVALID"),
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_an_answer_that_contradicts_itself_is_rejected_and_never_parked(
    bench: DecideBench, fields: dict[str, bool], outcome: Outcome, reason: str, *, held: bool
) -> None:
    if held:
        bench.card(new_card(1))
    assert bench.by_number(1, outcome, **fields) == ("REJECTED", {}, reason)
    assert bench.parked() == []
    assert bench.records()[-1]["result"] == "rejected"


def test_a_number_of_too_many_cards_is_left_to_people(bench: DecideBench) -> None:
    number = bench.card(new_card(1))
    for at in range(HOLDERS + 1):
        copy = number._replace(token=f"tok_copy{at}")
        bench.tables.cards[copy.key] = copy
    assert bench.by_number(1, CLOSED) == ("REJECTED", {}, "TOO_MANY_CARDS")
    assert bench.stored(number.token) == number


@pytest.mark.parametrize("outcome", [RENEWED, CLOSED, Outcome.OPTED_OUT])
def test_a_dry_run_by_number_tells_and_changes_nothing(
    bench: DecideBench, outcome: Outcome
) -> None:
    before = bench.card(new_card(1))
    told = bench.by_number(1, outcome, number=2, dry_run=True)
    assert told == ("APPLIED", {before.token: "APPLIED"}, "")
    assert bench.stored(before.token) == before
    assert bench.records()[-1]["result"] == "dry_run"
    assert not bench.tables.applied
    assert bench.by_number(7, RENEWED, number=8, dry_run=True).disposition == "PARKED"
    assert bench.parked() == []


def test_a_status_set_by_hand_is_reopened_by_a_newer_number_only(bench: DecideBench) -> None:
    """Section 5.4, rule 5, by number."""
    token = bench.card(new_card(1)).token
    bench.by_number(1, CLOSED, event=50)
    for outcome in (Outcome.VALID_NO_CHANGE, Outcome.NO_MATCH, Outcome.NOT_PARTICIPATING):
        assert bench.by_number(1, outcome, event=60).disposition == "NO_CHANGE"
    assert bench.by_number(1, RENEWED, number=2, event=40).disposition == "STALE"
    card = bench.stored(token)
    assert card is not None
    assert card.status == Status.CLOSED
    assert bench.by_number(1, RENEWED, number=2, event=60).disposition == "APPLIED"
    card = bench.stored(token)
    assert card is not None
    assert card.status == Status.ACTIVE


def test_no_answer_by_number_prints_its_numbers(bench: DecideBench) -> None:
    intent = by_number(1, RENEWED, number=2)
    assert isinstance(intent, ApplyByNumber)
    shown = [repr(intent), str(entry_of(intent)), repr(replace(intent.said, update_id="u"))]
    found = [pan(at).reveal() in text for text in shown for at in (1, 2)]
    assert not any(found)
    bench.card(new_card(1))
    bench.do(intent)
    stored = [row.record for row in bench.tables.audit.values()]
    stored += [row.payload for row in bench.tables.outbox.values()]
    found = [pan(at).reveal().encode() in text for text in stored for at in (1, 2)]
    assert not any(found)
