"""Reveals and searches: who gets a number, and what is written down about it."""

from __future__ import annotations

import pytest

from cards.brands import Brand
from cards.pan import Pan
from cards.testcards import test_pan as digits_of
from tests.doubles.decide_bench import (
    DAY_US,
    DecideBench,
    card_in,
    edit,
    entry_of,
    look,
    new_card,
    refusal,
)
from tests.doubles.vault_ledger import pan
from vault.domain.card import CardKey, Kind, Status
from vault.domain.intents import DeleteCard, FindNumber, SetStatus
from vault.domain.outcome import Applied
from vault.domain.reasons import Reason
from vault.domain.results import FoundNumber
from vault.usecases.decide.refusals import IN_FULL


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


@pytest.fixture
def token(bench: DecideBench) -> str:
    return bench.card(new_card(1)).token


@pytest.mark.parametrize("status", ["ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"])
@pytest.mark.parametrize("allowed", ["ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"])
def test_a_card_is_revealed_in_the_statuses_that_the_purpose_allows(
    bench: DecideBench, token: str, status: str, allowed: str
) -> None:
    bench.card(SetStatus(token, 0, Status(status)))
    outcome = bench.do(look(token, allowed=frozenset({allowed})))
    record = bench.records()[-1]
    assert (record["action"], record["purpose"]) == ("card.reveal", "payment")
    if status == allowed:
        assert isinstance(outcome, Applied)
        assert (record["result"], record["note"]) == ("ok", "version 1")
    else:
        assert refusal(outcome) is Reason.STATUS_FORBIDS
        assert (record["result"], record["reason"]) == ("refused", "STATUS_FORBIDS")
    assert bench.delta.cards == {}
    assert bench.delta.outbox == []


def test_deleted_is_revealed_to_nobody_whatever_the_purpose_says(
    bench: DecideBench, token: str
) -> None:
    bench.card(DeleteCard(token, 0, DAY_US))
    outcome = bench.do(look(token, allowed=frozenset({"DELETED"})))
    assert refusal(outcome) is Reason.CARD_DELETED
    short = bench.card(new_card(1, ttl_us=DAY_US)).token
    bench.clock.advance(86_400)
    assert refusal(bench.do(look(short, allowed=frozenset(Status)))) is Reason.CARD_DELETED


def test_an_older_version_needs_a_permission_and_must_be_there(
    bench: DecideBench, token: str
) -> None:
    bench.card(edit(token, number=2))
    assert refusal(bench.do(look(token, credential_version=1))) is Reason.PERMISSION_DENIED
    missing = bench.do(look(token, credential_version=3, superseded_too=True))
    assert refusal(missing) is Reason.VERSION_NOT_FOUND
    old = bench.reveal(token, credential_version=1, superseded_too=True).pan == pan(1)
    now = bench.reveal(token, credential_version=2).pan == pan(2)
    assert (old, now) == (True, True)
    assert bench.records()[-2]["note"] == "version 1"


@pytest.mark.parametrize(
    "damage",
    [
        {"last4": "0000"},
        {"bin": "411112"},
        {"expiry": 203106},
        {"sealed_revision": 2},
        {"customer": "c-2"},
        {"kind": "DPAN"},
        {"sealed": b"\x01\x01record-2" + bytes(200)},
        {"sealed": b"short"},
    ],
)
def test_columns_that_do_not_agree_with_what_is_sealed_are_never_revealed(
    bench: DecideBench, token: str, damage: dict[str, object]
) -> None:
    card = bench.tables.cards[CardKey("demo", token)]
    bench.tables.cards[card.key] = card._replace(**damage)  # type: ignore[arg-type]
    assert refusal(bench.do(look(token))) is Reason.DATA_CORRUPT
    assert bench.records()[-1]["reason"] == "DATA_CORRUPT"


def test_another_cards_blob_in_its_place_is_never_revealed(bench: DecideBench, token: str) -> None:
    other = bench.card(new_card(1))
    card = bench.tables.cards[CardKey("demo", token)]
    bench.tables.cards[card.key] = card._replace(sealed=other.sealed)
    assert refusal(bench.do(look(token))) is Reason.DATA_CORRUPT


def found(bench: DecideBench, number: int, tenant: str = "demo") -> list[tuple[str, bool]]:
    outcome = bench.do(FindNumber(pan(number), "dispute"), tenant=tenant)
    assert isinstance(outcome, Applied)
    assert isinstance(outcome.value, FoundNumber)
    return sorted((each.token, each.current) for each in outcome.value.found)


def test_a_number_finds_the_tokens_that_hold_or_held_it(bench: DecideBench, token: str) -> None:
    dpan = bench.card(new_card(1, kind=Kind.DPAN)).token
    held = bench.card(new_card(2)).token
    bench.card(edit(held, number=1))
    gone = bench.card(new_card(1)).token
    bench.card(DeleteCard(gone, 0, DAY_US))
    bench.card(new_card(1), tenant="other")
    assert found(bench, 1) == sorted([(token, True), (dpan, True), (held, True)])
    assert bench.records()[-1]["note"] == "3 found"
    assert found(bench, 2) == [(held, False)]
    assert found(bench, 3) == []
    assert len(found(bench, 1, "other")) == 1
    assert found(bench, 2, "other") == []


def test_a_search_sees_what_its_flush_did_before(bench: DecideBench, token: str) -> None:
    moved, outcome = bench.flush(
        entry_of(edit(token, number=2)), entry_of(FindNumber(pan(1), "dispute"))
    )
    assert card_in(moved).credential_version == 2
    assert isinstance(outcome, Applied)
    assert isinstance(outcome.value, FoundNumber)
    assert [each.current for each in outcome.value.found] == [False]


@pytest.mark.parametrize("brand", [Brand.UNIONPAY])
def test_a_number_without_a_check_digit_sent_as_a_token_is_not_audited(
    bench: DecideBench, brand: Brand
) -> None:
    digits = digits_of(brand, 7)
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    assert Pan(wrong).brand is brand
    assert refusal(bench.do(look(wrong))) is Reason.CARD_NOT_FOUND
    assert refusal(bench.do(look(digits))) is Reason.CARD_NOT_FOUND
    assert ["token" in record for record in bench.records()[-2:]] == [False, False]


def test_the_refusals_of_a_flush_are_recorded_in_full_and_then_counted(
    bench: DecideBench, token: str
) -> None:
    many = [entry_of(look(f"tok_none_{at}")) for at in range(30)]
    closed = [entry_of(look(token, allowed=frozenset())) for _at in range(2)]
    bench.flush(*many, *closed, entry_of(look("tok_other"), tenant="other"))
    told = [record for record in bench.records() if record["result"] == "refused"]
    assert len(told) == IN_FULL + 2
    assert told[-1]["action"] == "refusals"
    assert told[-1]["note"] == f"CARD_NOT_FOUND x{30 - IN_FULL}, STATUS_FORBIDS x2"
    assert "token" not in told[-1]
    assert [record["tenant"] for record in told].count("other") == 1
