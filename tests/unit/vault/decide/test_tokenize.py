"""Tokenize: a new card, or the oldest live one that the customer has with this number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import pytest

from cards.luhn import luhn_valid
from cards.outcomes import Outcome as UpdateOutcome
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
from vault.domain.card import Card, Kind, Status, TokenFormat
from vault.domain.intents import AddCard, DeleteCard, EraseCard, SetStatus, UndeleteCard
from vault.domain.outcome import Applied, Outcome
from vault.domain.reasons import Reason
from vault.domain.results import TokenizeResult
from vault.usecases.decide import tokenize


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


def told(outcome: Outcome) -> TokenizeResult:
    assert isinstance(outcome, Applied), type(outcome).__name__
    assert isinstance(outcome.value, TokenizeResult)
    return outcome.value


def stored(bench: DecideBench, *intents: AddCard) -> list[str]:
    """Tokenize one a second; return the tokens."""
    tokens = []
    for intent in intents:
        tokens.append(bench.card(intent).token)
        bench.clock.advance(1)
    return tokens


def test_a_new_card_is_one_card_one_number_one_pointer_one_event(bench: DecideBench) -> None:
    result = told(bench.do(new_card(1, customer="c-1", metadata=(("k", "v"),), ttl_us=0)))
    card, delta = result.card, bench.delta
    assert (result.created, result.differs) == (True, ())
    assert (card.revision, card.credential_version, card.status) == (1, 1, "ACTIVE")
    assert (card.brand, len(card.bin), card.last4) == ("VISA", 8, pan(1).last4)
    assert [change.base for change in delta.cards.values()] == [0]
    assert list(delta.numbers.values()) == [card.fingerprint]
    assert [change.new for change in delta.pointers.values()] == [card.token]
    assert bench.events(card.token) == [(1, "cardvault.card.stored")]
    assert not delta.requests


def test_card_shaped_tokens_look_like_the_number_and_fail_its_check(bench: DecideBench) -> None:
    card = bench.card(new_card(1, token_format=TokenFormat.CARD_SHAPED))
    assert (len(card.token), card.token[-4:]) == (len(pan(1)), pan(1).last4)
    assert card.token.isdigit()
    assert not luhn_valid(card.token)


def drawing(monkeypatch: pytest.MonkeyPatch, tokens: Iterable[str]) -> None:
    """Have tokens drawn from a list."""
    drawn = iter(tokens)
    monkeypatch.setattr(tokenize, "new_token", lambda *_args: next(drawn))


def test_two_new_cards_of_a_flush_never_share_a_token(
    bench: DecideBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing(monkeypatch, ["tok_1", "tok_1", "tok_1", "tok_2"])
    first, second = bench.flush(entry_of(new_card(1)), entry_of(new_card(2)))
    assert (card_in(first).token, card_in(second).token) == ("tok_1", "tok_2")
    assert len(bench.tables.cards) == 2


def test_when_no_token_is_free_the_entry_is_refused_alone(
    bench: DecideBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing(monkeypatch, repeat("tok_1"))
    first, second = bench.flush(entry_of(new_card(1)), entry_of(new_card(2)))
    assert card_in(first) == bench.stored("tok_1")
    assert refusal(second) is Reason.CONTENTION


@pytest.mark.parametrize(
    "other",
    [
        {"customer": "c-2"},
        {"customer": ""},
        {"customer": "c-1", "kind": Kind.DPAN},
        {"customer": "c-1", "token_format": TokenFormat.CARD_SHAPED},
        {"customer": "c-1", "ttl_us": DAY_US},
        {"customer": "c-1", "on_existing": "NEW"},
        {"customer": "c-1", "number": 2},
    ],
)
def test_only_the_customers_own_card_of_number_kind_and_format_is_found(
    bench: DecideBench, other: dict[str, Any]
) -> None:
    bench.card(new_card(1, customer="c-1"))
    number = other.pop("number", 1)
    assert told(bench.do(new_card(number, **other))).created


@pytest.mark.parametrize("first", [{"customer": "c-1", "ttl_us": DAY_US}, {"customer": ""}])
def test_a_card_with_a_time_to_live_or_without_a_customer_is_never_found(
    bench: DecideBench, first: dict[str, Any]
) -> None:
    bench.card(new_card(1, **first))
    assert told(bench.do(new_card(1, customer="c-1"))).created
    assert len(bench.pointers()) == 1


def test_a_tenants_cards_are_not_found_by_another(bench: DecideBench) -> None:
    mine = bench.card(new_card(1, customer="c-1"))
    theirs = bench.card(new_card(1, customer="c-1"), tenant="other")
    assert mine.token != theirs.token
    assert mine.fingerprint != theirs.fingerprint


def test_what_was_sent_and_differs_is_named_and_nothing_changes(bench: DecideBench) -> None:
    first = bench.card(new_card(1, customer="c-1", metadata=(("k", "v"),)))
    other = COVERED._replace(consent_reference="new")
    again = told(
        bench.do(
            new_card(
                1,
                customer="c-1",
                expiry=203301,
                name="J. Doe",
                metadata=(("k", "w"),),
                stored_credentials=(other,),
            )
        )
    )
    assert (again.created, again.card) == (False, first)
    assert again.differs == (
        "card.expiry_month",
        "card.expiry_year",
        "card.cardholder_name",
        "stored_credentials",
        "metadata",
    )
    silent = told(bench.do(new_card(1, customer="c-1", expiry=0, name="", stored_credentials=())))
    assert (silent.created, silent.differs) == (False, ())
    assert bench.events(first.token) == [(1, "cardvault.card.stored")]


@pytest.mark.parametrize(
    ("expiry", "name", "changed", "version"),
    [
        (203301, "", True, 2),  # later
        (202901, "", False, 1),  # earlier
        (203105, "J. Doe", True, 1),  # another name
        (203301, "J. Doe", True, 2),
        (202901, "J. Doe", True, 1),
        (203105, "Jane Doe", False, 1),
        (0, "", False, 1),
    ],
)
def test_on_existing_update_takes_a_later_expiry_or_another_name(
    bench: DecideBench, expiry: int, name: str, *, changed: bool, version: int
) -> None:
    first = bench.card(new_card(1, customer="c-1"))
    sent = new_card(1, customer="c-1", expiry=expiry, name=name, on_existing="UPDATE")
    result = told(bench.do(sent))
    assert result.created is False
    assert (result.card.revision, result.card.credential_version) == (1 + changed, version)
    assert result.card.expiry == (203301 if version == 2 else 203105)
    assert bench.reveal(first.token).cardholder_name == (name or "Jane Doe")


def test_on_existing_update_brings_an_expiry_where_there_was_none(bench: DecideBench) -> None:
    bench.card(new_card(1, customer="c-1", expiry=0))
    result = told(bench.do(new_card(1, customer="c-1", on_existing="UPDATE")))
    assert (result.card.credential_version, result.card.expiry) == (2, 203105)


def close(bench: DecideBench, token: str) -> Card:
    return bench.card(SetStatus(token, 0, Status.CLOSED))


def delete(bench: DecideBench, token: str) -> Card:
    return bench.card(DeleteCard(token, 0, DAY_US))


def renumber(bench: DecideBench, token: str) -> Card:
    return bench.card(edit(token, number=9))


def update(bench: DecideBench, token: str) -> Card | None:
    return bench.update(answer(token, UpdateOutcome.PAN_UPDATED, number=9))[1]


@pytest.mark.parametrize("leave", [close, delete, renumber, update])
def test_when_the_card_that_is_found_goes_the_oldest_remaining_takes_its_place(
    bench: DecideBench, leave: Callable[[DecideBench, str], Card | None]
) -> None:
    new = new_card(1, customer="c-1", on_existing="NEW")
    oldest, middle, newest = stored(bench, new, new, new)
    leave(bench, oldest)
    assert told(bench.do(new_card(1, customer="c-1"))).card.token == middle
    leave(bench, newest)
    assert told(bench.do(new_card(1, customer="c-1"))).card.token == middle
    leave(bench, middle)
    assert told(bench.do(new_card(1, customer="c-1"))).created


@pytest.mark.parametrize("leave", [close, delete, renumber])
def test_a_card_that_comes_back_is_the_oldest_again(
    bench: DecideBench, leave: Callable[[DecideBench, str], Card]
) -> None:
    new = new_card(1, customer="c-1", on_existing="NEW")
    oldest, _younger = stored(bench, new, new)
    leave(bench, oldest)
    if leave is close:
        bench.card(SetStatus(oldest, 0, Status.ACTIVE))
    elif leave is delete:
        bench.card(UndeleteCard(oldest, 0))
    else:
        bench.card(edit(oldest, number=1))
    assert told(bench.do(new_card(1, customer="c-1"))).card.token == oldest


def test_pointers_follow_several_changes_in_one_flush(bench: DecideBench) -> None:
    new = new_card(1, customer="c-1", on_existing="NEW")
    first, second, third = stored(bench, new, new, new)
    outcomes = bench.flush(
        entry_of(DeleteCard(first, 0, DAY_US)),
        entry_of(edit(second, number=2)),
        entry_of(new_card(1, customer="c-1")),
        entry_of(edit(second, number=1)),
        entry_of(new_card(1, customer="c-1")),
        entry_of(SetStatus(second, 0, Status.CLOSED)),
        entry_of(SetStatus(third, 0, Status.CLOSED)),
        entry_of(new_card(1, customer="c-1")),
        entry_of(UndeleteCard(first, 0)),
        entry_of(new_card(1, customer="c-1")),
    )
    found = [told(outcomes[index]) for index in (2, 4, 7, 9)]
    assert [each.created for each in found] == [False, False, True, False]
    assert [each.card.token for each in found] == [third, second, found[2].card.token, first]
    assert bench.pointers() == [first]


def test_erasing_a_card_that_was_never_found_moves_no_pointer(bench: DecideBench) -> None:
    kept, gone = stored(bench, *[new_card(1, customer="c-1", on_existing="NEW")] * 2)
    bench.card(DeleteCard(gone, 0, 0))
    bench.card(EraseCard(gone))
    assert bench.pointers() == [kept]
