"""UpdateCard, SetCardStatus and ReportDecline: what people change by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import (
    COVERED,
    DAY_US,
    DecideBench,
    answer,
    card_in,
    edit,
    entry_of,
    new_card,
    refusal,
)
from tests.doubles.vault_ledger import pan
from vault.domain.card import (
    Hold,
    HoldType,
    Status,
    details_of,
    holds_of,
    metadata_of,
    stored_credentials_of,
)
from vault.domain.intents import DeleteCard, EraseCard, Intent, NoteDecline, SetStatus
from vault.domain.reasons import Reason
from vault.usecases.decide.status import MOST_HOLDS

LEGAL = frozenset({Hold(HoldType.LEGAL_HOLD)})
STOPPED = frozenset({Hold(HoldType.RECURRING_STOPPED, "shop")})


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


@pytest.fixture
def token(bench: DecideBench) -> str:
    return bench.card(new_card(1, customer="c-1")).token


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({"number": 2}, 2),
        ({"number": 1}, 1),
        ({"expiry": 203301}, 2),
        ({"expiry": 202901}, 2),  # the cardholder may take an expiry back
        ({"expiry": 0}, 2),
        ({"expiry": 203105}, 1),
        ({"number": 2, "expiry": 203301}, 2),
        ({"cardholder_name": "J. Doe"}, 1),
        ({"billing_address": '{"regionCode":"CH"}'}, 1),
        ({"metadata": (("k", "v"),)}, 1),
        ({"stored_credentials": ()}, 1),
    ],
)
def test_a_new_number_or_expiry_makes_a_version_and_every_change_a_revision(
    bench: DecideBench, token: str, fields: dict[str, Any], version: int
) -> None:
    card = bench.card(edit(token, **fields))
    assert (card.revision, card.credential_version) == (2, version)
    assert [old.credential_version for old in bench.delta.versions] == [1] * (version - 1)
    assert bench.events(token) == [(1, "cardvault.card.stored"), (2, "cardvault.card.updated")]
    if version == 2:
        assert (card.version_cause, card.times) == ("CARDHOLDER", (0, 0, 0))


def test_only_what_the_mask_names_changes(bench: DecideBench, token: str) -> None:
    card = bench.card(edit(token, cardholder_name="", metadata=(("k", "v"),)))
    contents = bench.reveal(token)
    same = contents.pan == pan(1)
    assert same
    assert contents.cardholder_name == ""
    assert card.expiry == 203105
    assert metadata_of(card) == {"k": "v"}
    assert stored_credentials_of(card) == (COVERED,)


def test_a_superseded_version_is_kept_for_its_retention(bench: DecideBench, token: str) -> None:
    bench.card(edit(token, number=2))
    (old,) = bench.delta.versions
    assert (old.cause, old.superseded_time) == ("CARDHOLDER", bench.clock.now_us())
    assert old.purge_time - old.superseded_time == 180 * DAY_US


@pytest.mark.parametrize(
    ("status", "fields", "after"),
    [
        ("NEEDS_CARDHOLDER", {"number": 2}, "ACTIVE"),
        ("NEEDS_CARDHOLDER", {"expiry": 203301}, "ACTIVE"),
        ("NEEDS_CARDHOLDER", {"number": 1}, "NEEDS_CARDHOLDER"),
        ("NEEDS_CARDHOLDER", {"expiry": 203105}, "NEEDS_CARDHOLDER"),
        ("NEEDS_CARDHOLDER", {"cardholder_name": "J. Doe"}, "NEEDS_CARDHOLDER"),
        ("CLOSED", {"number": 2}, "ACTIVE"),
        ("CLOSED", {"expiry": 203301}, "CLOSED"),
        ("CLOSED", {"metadata": ()}, "CLOSED"),
    ],
)
def test_the_cardholders_own_news_move_the_status(
    bench: DecideBench, token: str, status: str, fields: dict[str, Any], after: str
) -> None:
    bench.card(SetStatus(token, 0, Status(status)))
    assert bench.card(edit(token, **fields)).status == after


@pytest.mark.parametrize(
    "intent",
    [
        lambda token: edit(token, 7, number=2),
        lambda token: SetStatus(token, 7, Status.CLOSED),
        lambda token: DeleteCard(token, 7, DAY_US),
    ],
)
def test_another_revision_than_expected_is_refused(
    bench: DecideBench, token: str, intent: object
) -> None:
    made: Intent = intent(token)  # type: ignore[operator]
    assert refusal(bench.do(made)) is Reason.REVISION_CONFLICT
    assert bench.delta.cards == {}


def test_a_new_number_of_another_customers_card_shares_its_fingerprint(
    bench: DecideBench, token: str
) -> None:
    other = bench.card(new_card(2, customer="c-2"))
    assert bench.card(edit(token, number=2)).fingerprint == other.fingerprint


def test_two_cards_given_one_new_number_in_one_flush_share_its_fingerprint(
    bench: DecideBench, token: str
) -> None:
    other = bench.card(new_card(2)).token
    first, second, third = bench.flush(
        entry_of(edit(token, number=7)), entry_of(edit(other, number=7)), entry_of(new_card(7))
    )
    assert len({card_in(each).fingerprint for each in (first, second, third)}) == 1
    assert len(bench.delta.numbers) == 1


@pytest.mark.parametrize("before", ["ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"])
@pytest.mark.parametrize("after", ["ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"])
def test_an_operator_sets_any_status_but_deleted(
    bench: DecideBench, token: str, before: str, after: str
) -> None:
    bench.card(SetStatus(token, 0, Status(before)))
    card = bench.card(SetStatus(token, 0, Status(after), note="why"))
    assert card.status == after
    assert bench.records()[-1]["note"] == "why"
    event = "hold_changed" if before == after else "status_changed"
    assert bench.events(token)[-1] == (3, f"cardvault.card.{event}")
    assert refusal(bench.do(SetStatus(token, 0, Status.DELETED))) is Reason.STATUS_FORBIDS


def test_holds_are_placed_and_released_and_others_stay(bench: DecideBench, token: str) -> None:
    card = bench.card(SetStatus(token, 0, None, place=LEGAL | STOPPED))
    assert holds_of(card) == LEGAL | STOPPED
    card = bench.card(SetStatus(token, 0, Status.CLOSED, release=STOPPED))
    assert (holds_of(card), card.status) == (LEGAL, "CLOSED")
    assert bench.events(token)[1:] == [
        (2, "cardvault.card.hold_changed"),
        (3, "cardvault.card.status_changed"),
    ]


def test_a_deleted_card_takes_and_loses_a_legal_hold_and_nothing_else(
    bench: DecideBench, token: str
) -> None:
    bench.card(DeleteCard(token, 0, DAY_US))
    assert holds_of(bench.card(SetStatus(token, 0, None, place=LEGAL))) == LEGAL
    for intent in (
        SetStatus(token, 0, Status.ACTIVE),
        SetStatus(token, 0, Status.ACTIVE, release=LEGAL),
        SetStatus(token, 0, None, place=STOPPED),
        SetStatus(token, 0, None, place=STOPPED, release=LEGAL),
        SetStatus(token, 0, None),
        edit(token, number=2),
        NoteDecline(token, "05", 1),
        DeleteCard(token, 0, DAY_US),
    ):
        assert refusal(bench.do(intent)) is Reason.CARD_DELETED
    assert holds_of(bench.card(SetStatus(token, 0, None, release=LEGAL))) == frozenset()


def test_an_erased_card_takes_no_legal_hold(bench: DecideBench, token: str) -> None:
    bench.card(DeleteCard(token, 0, 0))
    bench.card(EraseCard(token))
    assert refusal(bench.do(SetStatus(token, 0, None, place=LEGAL))) is Reason.CARD_ERASED


def test_a_decline_is_noted_and_the_last_one_stays(bench: DecideBench, token: str) -> None:
    bench.card(NoteDecline(token, "05", 7))
    card = bench.card(NoteDecline(token, "54", 8))
    assert details_of(card) == {"last_decline_code": "54", "last_decline_time": 8}
    assert (card.revision, card.credential_version) == (3, 1)


@pytest.mark.parametrize("by", ["edit", "tokenize"])
def test_the_cardholder_confirms_an_expiry_that_was_kept(
    bench: DecideBench, token: str, by: str
) -> None:
    bench.update(answer(token, Outcome.PAN_UPDATED, number=2, event=50))
    stored = bench.stored(token)
    assert stored is not None
    assert stored.expiry_unconfirmed
    if by == "edit":
        after = bench.card(edit(token, expiry=stored.expiry))
    else:
        after = bench.card(new_card(2, customer="c-1", expiry=stored.expiry, on_existing="UPDATE"))
    assert (after.token, after.credential_version, after.revision) == (token, 2, 3)
    assert not after.expiry_unconfirmed
    assert bench.reveal(token).pan == pan(2)
    again = bench.card(edit(token, cardholder_name="J. Doe"))
    assert not again.expiry_unconfirmed


def test_a_card_has_a_hundred_holds_of_merchant_accounts_and_a_legal_one(
    bench: DecideBench, token: str
) -> None:
    def stopped(first: int, count: int) -> frozenset[Hold]:
        accounts = range(first, first + count)
        return frozenset(Hold(HoldType.RECURRING_STOPPED, f"shop-{at}") for at in accounts)

    bench.card(SetStatus(token, 0, None, place=stopped(0, MOST_HOLDS)))
    one_more = SetStatus(token, 0, None, place=stopped(MOST_HOLDS, 1))
    assert refusal(bench.do(one_more)) is Reason.HOLD_INVALID
    full = bench.card(SetStatus(token, 0, None, place=LEGAL))
    assert len(holds_of(full)) == MOST_HOLDS + 1
    swapped = SetStatus(token, 0, None, place=stopped(MOST_HOLDS, 1), release=stopped(0, 1))
    assert len(holds_of(bench.card(swapped))) == MOST_HOLDS + 1


def test_a_new_number_leaves_the_old_ones_decline_behind(bench: DecideBench, token: str) -> None:
    bench.card(NoteDecline(token, "05", 7))
    kept = bench.card(edit(token, expiry=203301))
    assert details_of(kept)["last_decline_code"] == "05"
    assert details_of(bench.card(edit(token, number=2))) == {}
