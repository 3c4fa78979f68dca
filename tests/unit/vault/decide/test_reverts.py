"""What goes back when a file is undone, and what stays: as if the file had never been."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from cards.brands import Brand
from cards.outcomes import Outcome
from tests.doubles.decide_bench import (
    COVERED,
    DAY_US,
    DecideBench,
    answer,
    by_number,
    edit,
    mastercard,
    new_card,
    refusal,
)
from tests.doubles.vault_ledger import pan
from vault.domain.card import (
    Card,
    Hold,
    HoldType,
    Status,
    holds_of,
    stored_credentials_of,
)
from vault.domain.intents import (
    DeleteCard,
    EraseCard,
    NoteDecline,
    PurgeVersion,
    RevertUpdates,
    SetStatus,
    UndeleteCard,
)
from vault.domain.outcome import Applied
from vault.domain.reasons import Reason
from vault.domain.results import RevertResult

RENEWED, EXTENDED, CLOSED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED, Outcome.CLOSED
STOPPED = Hold(HoldType.RECURRING_STOPPED, "shop")
LASTING = (
    *("status", "expiry", "expiry_unconfirmed", "fingerprint", "brand", "bin", "last4"),
    *("holds", "stored_credentials", "details", "event_time", "file_time", "asked_time"),
)


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


@pytest.fixture
def token(bench: DecideBench) -> str:
    return bench.card(new_card(1, customer="c-1")).token


def revert(bench: DecideBench, token: str, file: str = "f-1", **fields: Any) -> str:
    source = "" if "version" in fields else f"cyb/{file}"
    outcome = bench.do(RevertUpdates(token, source, **fields))
    assert isinstance(outcome, Applied), type(outcome).__name__
    assert isinstance(outcome.value, RevertResult)
    return outcome.value.disposition.value


def now(bench: DecideBench, token: str) -> Card:
    card = bench.stored(token)
    assert card is not None
    return card


def same(bench: DecideBench, token: str, before: Card) -> bool:
    """Tell whether a card says what it said, by its columns and by its contents."""
    after = now(bench, token)
    columns = [getattr(after, name) == getattr(before, name) for name in LASTING]
    contents = bench.reveal(token)
    number = contents.pan.bin(8) == before.bin and contents.pan.last4 == before.last4
    return all(columns) and number


def test_a_new_number_goes_back_as_a_new_version(bench: DecideBench, token: str) -> None:
    before = now(bench, token)
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.clock.advance(5)
    assert revert(bench, token) == "REVERTED"
    card = now(bench, token)
    assert same(bench, token, before)
    assert (card.revision, card.credential_version) == (3, 3)
    assert (card.version_cause, card.version_source) == ("REVERTED", "cyb/f-1")
    assert card.version_time == bench.clock.now_us()
    assert bench.reveal(token).pan == pan(1)
    assert bench.reveal(token, credential_version=2, superseded_too=True).pan == pan(2)
    assert bench.events(token)[-1] == (3, "cardvault.card.updated")


def test_it_is_audited_with_the_source_and_both_versions(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    revert(bench, token, request_id="r-1")
    record = bench.records()[-1]
    told = [record[name] for name in ("action", "result", "token", "request_id")]
    assert told == ["card.revert_updates", "reverted", token, "r-1"]
    assert record["note"] == "cyb/f-1 REVERTED 2 to 3"


def test_undoing_twice_changes_nothing(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    assert revert(bench, token) == "REVERTED"
    card = now(bench, token)
    assert revert(bench, token) == "ALREADY_REVERTED"
    assert now(bench, token) == card


def test_a_dry_run_tells_and_changes_nothing(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    card, imprints = now(bench, token), dict(bench.tables.imprints)
    outcome = bench.do(RevertUpdates(token, "cyb/f-1", dry_run=True))
    assert isinstance(outcome, Applied)
    told = outcome.value
    assert (told.disposition, told.previous_version) == ("REVERTED", 2)
    assert (told.card.credential_version, told.card.last4) == (3, pan(1).last4)
    assert (now(bench, token), bench.tables.imprints) == (card, imprints)
    assert bench.records()[-1]["result"] == "dry_run"
    assert revert(bench, token) == "REVERTED"


def test_the_name_and_address_of_now_stay(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.card(edit(token, cardholder_name="Jane Roe", billing_address='{"a":"b"}'))
    bench.card(edit(token, metadata=(("a", "b"),)))
    assert revert(bench, token) == "REVERTED"
    contents = bench.reveal(token)
    assert contents.pan == pan(1)
    assert (contents.cardholder_name, contents.billing_address) == ("Jane Roe", '{"a":"b"}')
    assert now(bench, token).metadata == '{"a":"b"}'


def test_a_chain_in_one_file_goes_back_to_before_its_first(bench: DecideBench, token: str) -> None:
    before = now(bench, token)
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.update(answer(token, RENEWED, number=3, asked=2, event=51))
    bench.update(answer(token, EXTENDED, expiry=203312, asked=3, event=52))
    bench.update(answer(token, CLOSED, asked=4, event=53))
    assert revert(bench, token) == "REVERTED"
    assert same(bench, token, before)
    assert now(bench, token).credential_version == 5


def test_a_chain_that_leads_back_needs_no_new_version(bench: DecideBench, token: str) -> None:
    before = now(bench, token)
    bench.update(answer(token, Outcome.CORRECTED, number=2, expiry=203105, event=50))
    bench.update(answer(token, Outcome.CORRECTED, number=1, expiry=203105, asked=2, event=51))
    bench.update(answer(token, CLOSED, asked=3, event=52))
    assert revert(bench, token) == "REVERTED"
    assert same(bench, token, before)
    assert now(bench, token).credential_version == 3


@pytest.mark.parametrize("outcome", [CLOSED, Outcome.CONTACT_CARDHOLDER])
def test_a_status_goes_back(bench: DecideBench, token: str, outcome: Outcome) -> None:
    before = now(bench, token)
    bench.update(answer(token, outcome, event=50))
    assert now(bench, token).status != "ACTIVE"
    assert revert(bench, token) == "REVERTED"
    assert same(bench, token, before)
    assert now(bench, token).credential_version == 1
    assert bench.events(token)[-1] == (3, "cardvault.card.status_changed")


def test_holds_go_with_who_placed_them(bench: DecideBench, token: str) -> None:
    before = now(bench, token)
    bench.update(answer(token, Outcome.STOP_RECURRING))
    bench.update(answer(token, Outcome.OPTED_OUT))
    assert len(holds_of(now(bench, token))) == 2
    assert revert(bench, token) == "REVERTED"
    assert same(bench, token, before)
    assert bench.events(token)[-1] == (4, "cardvault.card.hold_changed")


def test_closed_or_contact_takes_back_its_hold_too(bench: DecideBench, token: str) -> None:
    before = now(bench, token)
    bench.update(answer(token, Outcome.CLOSED_OR_CONTACT, event=50))
    assert holds_of(now(bench, token)) == {STOPPED}
    assert revert(bench, token) == "REVERTED"
    assert same(bench, token, before)


def test_a_confirmed_expiry_is_unconfirmed_again(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    before = now(bench, token)
    bench.update(answer(token, EXTENDED, expiry=203105, asked=2, event=51, file="f-2"))
    assert not now(bench, token).expiry_unconfirmed
    assert revert(bench, token, "f-2") == "REVERTED"
    assert same(bench, token, before)
    assert bench.events(token)[-1][1] == "cardvault.card.updated"


def test_another_brands_network_ids_and_details_come_back(bench: DecideBench, token: str) -> None:
    bench.card(NoteDecline(token, "05", 7))
    before = now(bench, token)
    bench.update(answer(token, Outcome.BRAND_CHANGED, number=mastercard(9), event=50))
    (agreement,) = stored_credentials_of(now(bench, token))
    assert agreement.network_transaction_ids == ()
    newer = agreement._replace(network_transaction_ids=(("mastercard", "mc-1"),))
    other = COVERED._replace(merchant_account="late", network_transaction_ids=(("mc", "mc-2"),))
    bench.card(edit(token, stored_credentials=(newer, other)))
    bench.card(NoteDecline(token, "14", 8))
    assert revert(bench, token) == "REVERTED"
    card = now(bench, token)
    assert (card.brand, card.details) == (Brand.VISA.value, before.details)
    late, back = stored_credentials_of(card)
    assert late.network_transaction_ids == ()  # they were Mastercard's
    assert back == COVERED


def test_what_tokenize_finds_goes_back_too(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.clock.advance(1)
    second = bench.card(new_card(1, customer="c-1"))
    assert second.token != token
    assert bench.card(new_card(2, customer="c-1")).token == token
    revert(bench, token)
    assert bench.card(new_card(1, customer="c-1")).token == token  # the older one
    assert bench.card(new_card(2, customer="c-1")).token not in {token, second.token}


def newer_number(bench: DecideBench, token: str) -> None:
    bench.card(edit(token, number=7))


def newer_expiry(bench: DecideBench, token: str) -> None:
    bench.card(edit(token, expiry=203506))


def said_again(bench: DecideBench, token: str) -> None:
    bench.card(edit(token, number=2))


def renewed_again(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=3, asked=2, event=60, file="f-2"))


def closed_since(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, CLOSED, asked=2, event=60, file="f-2"))


def confirmed_since(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, Outcome.VALID_NO_CHANGE, asked=2, event=60, file="f-2"))


def brought_again(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, asked=1, event=60, file="f-2"))


def operator_closed(bench: DecideBench, token: str) -> None:
    bench.card(SetStatus(token, 0, Status.CLOSED))


def operator_agreed(bench: DecideBench, token: str) -> None:
    bench.card(SetStatus(token, 0, Status.ACTIVE))


NEWER = [
    newer_number,
    newer_expiry,
    said_again,
    renewed_again,
    closed_since,
    confirmed_since,
    brought_again,
    operator_closed,
    operator_agreed,
]


@pytest.mark.parametrize("newer", NEWER)
def test_newer_knowledge_stands(bench: DecideBench, token: str, newer: Any) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    newer(bench, token)
    card = now(bench, token)
    assert revert(bench, token) == "KEPT_NEWER"
    assert revert(bench, token) == "KEPT_NEWER"
    assert now(bench, token) == card


def test_what_says_nothing_of_the_account_keeps_nothing(bench: DecideBench, token: str) -> None:
    before = now(bench, token)
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.update(answer(token, Outcome.NO_MATCH, asked=2, event=60, file="f-2"))
    bench.update(answer(token, Outcome.UNANSWERED, asked=2, event=60, file="f-2"))
    bench.update(answer(token, Outcome.VALID_NO_CHANGE, asked=1, event=60, file="f-2"))
    bench.card(NoteDecline(token, "05", 7))
    place = frozenset({Hold(HoldType.LEGAL_HOLD)})
    held = bench.card(SetStatus(token, 0, None, place=place))
    assert revert(bench, token) == "REVERTED"
    assert same(bench, token, before._replace(holds=held.holds))


def test_a_hold_stays_that_somebody_else_speaks_of(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, Outcome.STOP_RECURRING))
    bench.update(answer(token, Outcome.OPTED_OUT))
    bench.update(answer(token, Outcome.STOP_RECURRING, file="f-2"))
    assert revert(bench, token) == "PARTLY_REVERTED"
    assert holds_of(now(bench, token)) == {STOPPED}
    assert revert(bench, token, "f-2") == "REVERTED"  # whoever placed it is undone as well
    assert holds_of(now(bench, token)) == frozenset()


def test_an_operators_hold_stays(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, Outcome.STOP_RECURRING))
    bench.card(SetStatus(token, 0, None, release=frozenset({STOPPED})))
    bench.card(SetStatus(token, 0, None, place=frozenset({STOPPED})))
    assert revert(bench, token) == "KEPT_NEWER"
    assert holds_of(now(bench, token)) == {STOPPED}


def test_a_hold_that_was_there_before_is_not_the_files(bench: DecideBench, token: str) -> None:
    bench.card(SetStatus(token, 0, None, place=frozenset({STOPPED})))
    bench.update(answer(token, Outcome.STOP_RECURRING))
    assert revert(bench, token) == "NOTHING_TO_REVERT"
    assert holds_of(now(bench, token)) == {STOPPED}


def test_a_part_may_stay(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.update(answer(token, Outcome.STOP_RECURRING, asked=2))
    newer_number(bench, token)
    assert revert(bench, token) == "PARTLY_REVERTED"
    assert bench.reveal(token).pan == pan(7)
    assert holds_of(now(bench, token)) == frozenset()
    assert revert(bench, token) == "ALREADY_REVERTED"


@pytest.mark.parametrize("order", list(permutations(("f-1", "f-2", "f-3"))))
def test_several_files_may_be_undone_in_any_order(
    bench: DecideBench, token: str, order: tuple[str, ...]
) -> None:
    before = now(bench, token)
    bench.update(answer(token, RENEWED, number=2, event=50, file="f-1"))
    bench.update(answer(token, EXTENDED, expiry=203312, asked=2, event=51, file="f-2"))
    bench.update(answer(token, CLOSED, asked=3, event=52, file="f-3"))
    for file in order:
        assert revert(bench, token, file) in {"REVERTED", "KEPT_NEWER"}
    assert same(bench, token, before)


def test_a_file_between_goes_when_what_lies_on_it_has_gone(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50, file="f-1"))
    kept = now(bench, token)
    bench.update(answer(token, RENEWED, number=3, asked=2, event=51, file="f-2"))
    bench.update(answer(token, RENEWED, number=4, asked=3, event=52, file="f-3"))
    assert revert(bench, token, "f-2") == "KEPT_NEWER"
    assert revert(bench, token, "f-3") == "REVERTED"
    assert same(bench, token, kept)
    assert revert(bench, token, "f-1") == "REVERTED"
    assert bench.reveal(token).pan == pan(1)


def test_the_files_answers_stay_undone_when_they_come_again(bench: DecideBench, token: str) -> None:
    said = answer(token, RENEWED, number=2, event=50, update_id="u-1")
    bench.update(said)
    revert(bench, token)
    card = now(bench, token)
    assert bench.update(said)[0] == "DUPLICATE"
    assert now(bench, token) == card


@pytest.mark.parametrize("asked", [1, 3])
def test_a_corrected_file_applies_to_what_was_put_back(
    bench: DecideBench, token: str, asked: int
) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    revert(bench, token)
    told, card = bench.update(
        answer(token, RENEWED, number=3, asked=asked, event=50, file="f-1-corrected")
    )
    assert told == "APPLIED"
    assert card is not None
    assert card.credential_version == 4
    assert bench.reveal(token).pan == pan(3)
    assert revert(bench, token, "f-1-corrected") == "REVERTED"
    assert bench.reveal(token).pan == pan(1)


def test_an_answer_about_what_was_undone_is_about_nothing(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    revert(bench, token)
    told, _card = bench.update(answer(token, RENEWED, number=3, asked=2, event=99, file="f-2"))
    assert told == "STALE"


def test_the_age_of_what_was_put_back_counts(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, EXTENDED, expiry=203306, event=40, file="f-0"))
    bench.update(answer(token, RENEWED, number=2, asked=2, event=50))
    revert(bench, token)
    older = answer(token, RENEWED, number=3, asked=1, event=39, file="f-2")
    assert bench.update(older)[0] == "STALE"
    newer = answer(token, RENEWED, number=3, asked=1, event=41, file="f-2")
    assert bench.update(newer)[0] == "APPLIED"


def test_one_answer_is_undone_by_the_version_it_made(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    middle = now(bench, token)
    bench.update(answer(token, EXTENDED, expiry=203312, asked=2, event=51))
    assert revert(bench, token, version=2, dry_run=True) == "KEPT_NEWER"
    assert revert(bench, token, version=3) == "REVERTED"
    assert same(bench, token, middle)
    assert now(bench, token).version_source == "cyb/f-1"
    assert revert(bench, token, version=3) == "ALREADY_REVERTED"
    assert revert(bench, token, version=4) == "NOTHING_TO_REVERT"
    assert revert(bench, token, version=1) == "NOTHING_TO_REVERT"
    assert revert(bench, token, version=2) == "REVERTED"  # what lay on it has gone
    assert bench.reveal(token).pan == pan(1)


def test_a_version_or_card_that_is_not_there_is_refused(bench: DecideBench, token: str) -> None:
    missing = bench.do(RevertUpdates(token, version=2))
    assert refusal(missing) is Reason.VERSION_NOT_FOUND
    assert refusal(bench.do(RevertUpdates("tok_none", version=1))) is Reason.CARD_NOT_FOUND
    theirs = bench.do(RevertUpdates(token, version=1), tenant="other")
    assert refusal(theirs) is Reason.CARD_NOT_FOUND


def test_a_file_that_is_not_known_changed_nothing(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    assert revert(bench, token, "f-9") == "NOTHING_TO_REVERT"
    assert revert(bench, token, "f-1/more") == "NOTHING_TO_REVERT"


def test_a_deleted_card_is_gone_until_it_is_undeleted(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.card(DeleteCard(token, 0, DAY_US))
    card = now(bench, token)
    assert revert(bench, token) == "GONE"
    assert now(bench, token) == card
    bench.card(UndeleteCard(token, 0))
    assert revert(bench, token) == "REVERTED"


def test_what_is_purged_cannot_come_back(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.clock.advance(180 * 86_400)
    card = now(bench, token)
    assert revert(bench, token, dry_run=True) == "KEPT_PURGED"  # any moment now
    bench.card(PurgeVersion(token, 1))
    assert revert(bench, token) == "KEPT_PURGED"
    assert revert(bench, token) == "KEPT_PURGED"
    assert now(bench, token) == card


def test_what_is_forgotten_is_not_guessed(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    bench.tables.imprints.clear()
    assert revert(bench, token) == "NOTHING_TO_REVERT"


def test_erasure_takes_what_answers_left(bench: DecideBench, token: str) -> None:
    other = bench.card(new_card(5)).token
    for each in (token, other):
        bench.update(answer(each, RENEWED, number=2, event=50))
    bench.card(DeleteCard(token, 0, 1))
    bench.clock.advance(1)
    bench.card(EraseCard(token))
    assert {key.token for key in bench.tables.imprints} == {other}


def test_a_dry_run_of_an_answer_leaves_nothing(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50, dry_run=True))
    bench.update(answer(token, Outcome.VALID_NO_CHANGE, event=50))
    assert bench.tables.imprints == {}


def test_answers_by_number_see_what_came_back(bench: DecideBench, token: str) -> None:
    bench.update(answer(token, RENEWED, number=2, event=50))
    revert(bench, token)

    def told(number: int, new: int) -> str:
        said = by_number(number, RENEWED, number=new, event=60, file="f-2")
        outcome = bench.do(said)
        assert isinstance(outcome, Applied), type(outcome).__name__
        disposition: str = outcome.value.disposition.value
        return disposition

    assert told(2, 3) == "STALE"  # about a number that the card never had
    assert told(1, 4) == "APPLIED"
    assert bench.reveal(token).pan == pan(4)
