"""What an answer writes: contents, versions, holds, memory; and the answers that are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cards.brands import Brand
from cards.outcomes import Outcome
from tests.doubles.decide_bench import (
    COVERED,
    DAY_US,
    DecideBench,
    answer,
    edit,
    entry_of,
    mastercard,
    new_card,
)
from tests.doubles.vault_ledger import pan
from vault.domain.card import (
    Hold,
    HoldType,
    Kind,
    Status,
    StoredCredential,
    holds_of,
    stored_credentials_of,
)
from vault.domain.intents import NoteDecline, SetStatus
from vault.domain.outcome import Applied
from vault.domain.results import UpdateResult
from vault.usecases.decide.context import Rules
from vault.usecases.decide.status import MOST_HOLDS

RENEWED, EXTENDED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


@pytest.fixture
def token(bench: DecideBench) -> str:
    return bench.card(new_card(1, customer="c-1")).token


def test_a_new_number_is_the_cards_and_the_old_one_stays_as_a_version(
    bench: DecideBench, token: str
) -> None:
    old = bench.stored(token)
    disposition, card = bench.update(
        answer(token, RENEWED, number=2, expiry=203312, event=50, file_time=60, asked_time=40)
    )
    assert old is not None
    assert card is not None
    assert disposition == "APPLIED"
    assert (card.revision, card.credential_version, card.expiry) == (2, 2, 203312)
    assert (card.version_cause, card.version_source) == ("NETWORK", "cyb/f-1")
    assert card.times == (50, 60, 40)
    assert card.fingerprint != old.fingerprint
    assert card.token == token
    now, before = (
        bench.reveal(token),
        bench.reveal(token, credential_version=1, superseded_too=True),
    )
    assert (now.pan == pan(2), before.pan == pan(1)) == (True, True)
    assert now.cardholder_name == "Jane Doe"


def test_a_blank_expiry_keeps_the_old_one_unconfirmed_until_somebody_says(
    bench: DecideBench, token: str
) -> None:
    _applied, card = bench.update(answer(token, RENEWED, number=2, event=50))
    assert card is not None
    assert (card.expiry, card.expiry_unconfirmed) == (203105, True)
    _applied, card = bench.update(answer(token, EXTENDED, asked=2, expiry=203312, event=51))
    assert card is not None
    assert (card.expiry, card.expiry_unconfirmed) == (203312, False)


@pytest.mark.parametrize("asked", [2, 1])
def test_the_networks_own_word_confirms_an_expiry_that_was_kept(
    bench: DecideBench, token: str, asked: int
) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    outcome = RENEWED if asked == 1 else EXTENDED
    number = 2 if asked == 1 else 0
    said = answer(token, outcome, asked=asked, number=number, expiry=203105, event=51)
    told, card = bench.update(said)
    assert card is not None
    assert told == "APPLIED"
    assert (card.credential_version, card.revision) == (2, 3)
    assert not card.expiry_unconfirmed
    assert card.times.event == 51
    again = replace(said, update_id="u-again", times=said.times._replace(event=52))
    told, card = bench.update(again)
    assert card is not None
    assert (told, card.revision) == ("NO_CHANGE", 3)


def test_a_hold_too_many_is_rejected_whoever_places_it(bench: DecideBench, token: str) -> None:
    full = frozenset(Hold(HoldType.RECURRING_STOPPED, f"shop-{at}") for at in range(MOST_HOLDS))
    bench.card(SetStatus(token, 0, None, place=full))
    for outcome in (Outcome.OPTED_OUT, Outcome.CLOSED_OR_CONTACT):
        told, card = bench.update(replace(answer(token, outcome), update_id=f"u-{outcome}"))
        assert card is not None
        assert (told, card.status, holds_of(card)) == ("REJECTED", "ACTIVE", full)


def test_a_blank_expiry_of_a_card_without_one_has_nothing_to_confirm(bench: DecideBench) -> None:
    token = bench.card(new_card(1, expiry=0)).token
    _applied, card = bench.update(answer(token, RENEWED, number=2, event=50))
    assert card is not None
    assert (card.credential_version, card.expiry, card.expiry_unconfirmed) == (2, 0, False)


def test_another_brand_drops_what_means_nothing_at_its_network(
    bench: DecideBench, token: str
) -> None:
    bench.card(NoteDecline(token, "05", 7))
    disposition, card = bench.update(
        answer(token, Outcome.BRAND_CHANGED, number=mastercard(3), expiry=203312)
    )
    assert card is not None
    assert (disposition, card.brand, card.details) == ("APPLIED", Brand.MASTERCARD.value, "")
    assert stored_credentials_of(card) == (COVERED._replace(network_transaction_ids=()),)


def test_another_number_of_the_brand_keeps_the_network_transaction_ids(
    bench: DecideBench, token: str
) -> None:
    _applied, card = bench.update(answer(token, RENEWED, number=2, expiry=203312))
    assert card is not None
    assert stored_credentials_of(card) == (COVERED,)


@pytest.mark.parametrize(
    ("outcome", "number", "expiry", "disposition"),
    [
        (EXTENDED, None, 203104, "REJECTED"),
        (EXTENDED, None, 203106, "APPLIED"),
        (RENEWED, 1, 203104, "REJECTED"),  # the same number: by its data, news of the expiry
        (RENEWED, 1, 203106, "APPLIED"),
        (RENEWED, 2, 203104, "APPLIED"),  # another card may well expire earlier
        (Outcome.CORRECTED, 1, 203104, "APPLIED"),
        (Outcome.CORRECTED, None, 203104, "APPLIED"),
    ],
)
def test_an_expiry_never_goes_back_for_one_number_but_by_a_correction(
    bench: DecideBench,
    token: str,
    outcome: Outcome,
    number: int | None,
    expiry: int,
    disposition: str,
) -> None:
    told, card = bench.update(answer(token, outcome, number=number, expiry=expiry))
    assert card is not None
    assert told == disposition
    assert card.expiry == (expiry if told == "APPLIED" else 203105)


@pytest.mark.parametrize("status", ["ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"])
@pytest.mark.parametrize(
    ("outcome", "number", "expiry"),
    [(RENEWED, 1, 203105), (RENEWED, 1, 0), (EXTENDED, None, 203105)],
)
def test_what_the_card_says_already_changes_nothing_and_reopens_nothing(
    bench: DecideBench, token: str, status: str, outcome: Outcome, number: int | None, expiry: int
) -> None:
    before = bench.card(SetStatus(token, 0, Status(status)))
    told = bench.update(answer(token, outcome, number=number, expiry=expiry, event=9))
    assert told == ("NO_CHANGE", before)


@pytest.mark.parametrize("outcome", [RENEWED, Outcome.CORRECTED])
def test_the_same_number_with_a_later_expiry_does_not_reopen_a_closed_card(
    bench: DecideBench, token: str, outcome: Outcome
) -> None:
    bench.card(SetStatus(token, 0, Status.CLOSED))
    told, card = bench.update(answer(token, outcome, number=1, expiry=203312, event=9))
    assert card is not None
    assert (told, card.status, card.expiry) == ("APPLIED", "CLOSED", 203312)


def test_a_number_beside_an_outcome_that_brings_none_is_not_used(
    bench: DecideBench, token: str
) -> None:
    told, card = bench.update(answer(token, EXTENDED, number=2, expiry=203312))
    assert card is not None
    assert (told, card.last4, card.expiry) == ("APPLIED", pan(1).last4, 203312)
    told, card = bench.update(answer(token, Outcome.CLOSED, asked=2, number=2, asked_time=2))
    assert card is not None
    assert (told, card.last4, card.status) == ("APPLIED", pan(1).last4, "CLOSED")


def test_the_same_answer_over_two_channels_makes_one_version(
    bench: DecideBench, token: str
) -> None:
    assert bench.update(answer(token, RENEWED, number=2, expiry=203312, event=50))[0] == "APPLIED"
    for event in (49, 50, 51):
        told, card = bench.update(answer(token, RENEWED, number=2, expiry=203312, event=event))
        assert card is not None
        assert (told, card.credential_version) == ("NO_CHANGE", 2)


def test_an_old_link_of_a_chain_told_again_later_does_not_take_the_card_back(
    bench: DecideBench, token: str
) -> None:
    assert bench.update(answer(token, RENEWED, number=2, event=50))[0] == "APPLIED"
    assert bench.update(answer(token, RENEWED, asked=2, number=3, event=60))[0] == "APPLIED"
    told, card = bench.update(answer(token, RENEWED, asked=1, number=2, event=70))
    assert card is not None
    assert (told, card.last4) == ("NO_CHANGE", pan(3).last4)


def test_a_cycle_is_followed_when_it_is_newer(bench: DecideBench, token: str) -> None:
    assert bench.update(answer(token, RENEWED, number=2, event=50))[0] == "APPLIED"
    assert (
        bench.update(answer(token, RENEWED, asked=2, number=1, event=49, file="f-2"))[0] == "STALE"
    )
    told, card = bench.update(answer(token, RENEWED, asked=2, number=1, event=51, file="f-2"))
    assert card is not None
    assert (told, card.credential_version, card.last4) == ("APPLIED", 3, pan(1).last4)
    told, card = bench.update(answer(token, RENEWED, asked=1, number=2, event=52, file="f-2"))
    assert card is not None
    assert (told, card.credential_version) == ("NO_CHANGE", 3)


def test_a_correction_may_go_back_to_a_version_before(bench: DecideBench, token: str) -> None:
    assert bench.update(answer(token, RENEWED, number=2, event=50))[0] == "APPLIED"
    assert bench.update(answer(token, RENEWED, number=3, event=60))[0] == "APPLIED"
    told, card = bench.update(answer(token, Outcome.CORRECTED, number=2, event=70))
    assert card is not None
    assert (told, card.credential_version, card.last4) == ("APPLIED", 4, pan(2).last4)


def test_a_chain_in_one_file_and_one_flush_ends_at_its_end(bench: DecideBench, token: str) -> None:
    """Spec C1, by tokens: the second row is about the version that the first one makes."""
    first = answer(token, RENEWED, number=2, event=50, file_time=60)
    second = answer(token, RENEWED, asked=2, number=3, event=50, file_time=60)
    other = answer(token, RENEWED, asked=2, number=4, event=50, file_time=60)
    outcomes = bench.flush(*(entry_of(each) for each in (first, second, other)))
    told = [outcome.value.disposition.value for outcome in outcomes]  # type: ignore[union-attr]
    assert told == ["APPLIED", "APPLIED", "CONFLICT"]
    card = bench.stored(token)
    assert card is not None
    assert (card.credential_version, card.last4) == (3, pan(3).last4)
    assert [version.last4 for version in bench.delta.versions] == [pan(1).last4, pan(2).last4]


def test_an_update_id_has_one_effect_a_card(bench: DecideBench, token: str) -> None:
    other = bench.card(new_card(5)).token
    intent = answer(token, RENEWED, number=2, event=50, update_id="u-1")
    assert bench.update(intent)[0] == "APPLIED"
    assert bench.update(intent)[0] == "DUPLICATE"
    assert bench.update(replace(intent, new_pan=pan(3), times=intent.times))[0] == "DUPLICATE"
    assert bench.update(replace(intent, token=other))[0] == "APPLIED"
    assert len(bench.tables.applied) == 2


def test_what_changed_nothing_is_remembered_too(bench: DecideBench, token: str) -> None:
    intent = answer(token, Outcome.VALID_NO_CHANGE, update_id="u-1")
    assert [bench.update(intent)[0] for _ in range(2)] == ["NO_CHANGE", "DUPLICATE"]
    assert bench.records()[-1]["reason"] == "NO_CHANGE"


@pytest.mark.parametrize("outcome", [RENEWED, Outcome.CLOSED, Outcome.OPTED_OUT])
def test_a_dry_run_tells_and_is_audited_but_changes_and_remembers_nothing(
    bench: DecideBench, token: str, outcome: Outcome
) -> None:
    before = bench.stored(token)
    intent = answer(token, outcome, number=2, update_id="u-1", dry_run=True)
    assert bench.update(intent) == ("APPLIED", before)
    assert (bench.delta.applied, bench.delta.outbox, bench.delta.versions) == ([], [], [])
    assert bench.records()[-1]["result"] == "dry_run"
    assert bench.update(replace(intent, dry_run=False))[0] == "APPLIED"


OTHERS = COVERED._replace(merchant_account="other")
UNCOVERED: dict[str, tuple[StoredCredential, ...]] = {
    "no agreement": (),
    "another account's agreement": (OTHERS,),
    "one time": (COVERED._replace(agreement="ONE_TIME"),),
    "no consent": (COVERED._replace(consent_time=0),),
    "consent withdrawn": (COVERED._replace(withdraw_time=5),),
}


@pytest.mark.parametrize("agreements", UNCOVERED.values(), ids=UNCOVERED)
@pytest.mark.parametrize("outcome", [RENEWED, Outcome.CLOSED, Outcome.OPTED_OUT])
def test_an_answer_touches_cards_that_its_merchant_account_covers_only(
    bench: DecideBench, agreements: tuple[StoredCredential, ...], outcome: Outcome
) -> None:
    before = bench.card(new_card(1, stored_credentials=agreements))
    assert bench.update(answer(before.token, outcome, number=2)) == ("REJECTED", before)
    assert "cover" in bench.records()[-1]["reason"]


def test_the_second_account_that_covers_a_card_may_update_it(bench: DecideBench) -> None:
    withdrawn = COVERED._replace(withdraw_time=5)
    token = bench.card(new_card(1, stored_credentials=(withdrawn, OTHERS))).token
    assert bench.update(answer(token, RENEWED, number=2, merchant="other"))[0] == "APPLIED"


def test_an_opt_out_stops_updates_for_its_account_and_no_other(bench: DecideBench) -> None:
    token = bench.card(new_card(1, stored_credentials=(COVERED, OTHERS))).token
    assert bench.update(answer(token, Outcome.OPTED_OUT))[0] == "APPLIED"
    assert bench.update(answer(token, Outcome.OPTED_OUT))[0] == "NO_CHANGE"
    assert bench.update(answer(token, RENEWED, number=2))[0] == "REJECTED"
    assert bench.update(answer(token, Outcome.CLOSED))[0] == "REJECTED"
    assert bench.update(answer(token, Outcome.VALID_NO_CHANGE))[0] == "NO_CHANGE"
    assert bench.update(answer(token, RENEWED, number=2, merchant="other"))[0] == "APPLIED"
    release = frozenset({Hold(HoldType.UPDATER_OPTED_OUT, "shop")})
    bench.card(SetStatus(token, 0, None, release=release))
    assert bench.update(answer(token, RENEWED, asked=2, number=3, asked_time=2))[0] == "APPLIED"


def test_stop_advice_is_a_hold_that_leaves_the_card_open_to_updates(
    bench: DecideBench, token: str
) -> None:
    told, card = bench.update(answer(token, Outcome.STOP_RECURRING))
    assert card is not None
    assert (told, card.status) == ("APPLIED", "ACTIVE")
    assert holds_of(card) == {Hold(HoldType.RECURRING_STOPPED, "shop")}
    assert bench.events(token)[-1] == (2, "cardvault.card.hold_changed")
    assert bench.update(answer(token, RENEWED, number=2))[0] == "APPLIED"


@pytest.mark.parametrize("kind", [Kind.DPAN, Kind.MPAN, Kind.NETWORK_TOKEN])
def test_only_fpans_are_updated(bench: DecideBench, kind: Kind) -> None:
    before = bench.card(new_card(1, kind=kind))
    assert bench.update(answer(before.token, RENEWED, number=2)) == ("REJECTED", before)


@pytest.mark.parametrize(
    ("closes", "statuses", "holds"),
    [
        (False, ("NEEDS_CARDHOLDER", "NEEDS_CARDHOLDER", "CLOSED"), (1, 1, 0)),
        (True, ("CLOSED", "CLOSED", "CLOSED"), (0, 0, 0)),
    ],
)
def test_one_code_for_closed_and_contact_goes_by_policy(
    *, closes: bool, statuses: tuple[str, ...], holds: tuple[int, ...]
) -> None:
    for number, before in enumerate(("ACTIVE", "NEEDS_CARDHOLDER", "CLOSED")):
        bench = DecideBench(Rules(closed_or_contact_closes=closes))
        token = bench.card(new_card(1)).token
        bench.card(SetStatus(token, 0, Status(before)))
        _told, card = bench.update(answer(token, Outcome.CLOSED_OR_CONTACT))
        assert card is not None
        assert (card.status, len(holds_of(card))) == (statuses[number], holds[number])


def test_two_accounts_with_one_answer_of_one_age_both_stop_recurring(bench: DecideBench) -> None:
    token = bench.card(new_card(1, stored_credentials=(COVERED, OTHERS))).token
    told, card = bench.update(answer(token, Outcome.CLOSED_OR_CONTACT, event=50))
    assert (told, bench.events(token)[-1][1]) == ("APPLIED", "cardvault.card.status_changed")
    told, card = bench.update(answer(token, Outcome.CLOSED_OR_CONTACT, event=50, merchant="other"))
    assert card is not None
    assert (told, len(holds_of(card))) == ("APPLIED", 2)
    assert bench.events(token)[-1] == (3, "cardvault.card.hold_changed")


def test_another_tenants_card_and_a_missing_one_are_not_found(
    bench: DecideBench, token: str
) -> None:
    assert bench.update(answer("tok_missing", RENEWED, number=2)) == ("NOT_FOUND", None)
    outcome = bench.do(answer(token, RENEWED, number=2), tenant="other")
    assert isinstance(outcome, Applied)
    assert isinstance(outcome.value, UpdateResult)
    assert (outcome.value.disposition.value, outcome.value.card) == ("NOT_FOUND", None)


def test_a_card_past_its_time_to_live_is_not_found(bench: DecideBench) -> None:
    before = bench.card(new_card(1, ttl_us=DAY_US))
    bench.clock.advance(86_400)
    assert bench.update(answer(before.token, RENEWED, number=2)) == ("NOT_FOUND", before)


def test_a_number_that_the_tenant_knows_keeps_its_fingerprint(bench: DecideBench) -> None:
    known = bench.card(new_card(2))
    token = bench.card(new_card(1)).token
    _told, card = bench.update(answer(token, RENEWED, number=2))
    assert card is not None
    assert card.fingerprint == known.fingerprint
    assert bench.delta.numbers == {}


def test_after_the_cardholders_own_change_the_networks_answer_to_it_counts(
    bench: DecideBench, token: str
) -> None:
    assert bench.update(answer(token, RENEWED, number=2, event=90))[0] == "APPLIED"
    bench.card(edit(token, number=3))
    assert bench.update(answer(token, RENEWED, asked=2, number=4, event=99))[0] == "STALE"
    assert bench.update(answer(token, RENEWED, asked=3, number=4, event=10))[0] == "APPLIED"
