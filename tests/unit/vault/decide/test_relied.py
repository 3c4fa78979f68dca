"""By which cards a flush chose that it does not change: what its store compares again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.doubles.decide_bench import (
    DAY_US,
    DecideBench,
    card_in,
    edit,
    entry_of,
    look,
    new_card,
)
from vault.domain.card import Card, ExistingKey, Status
from vault.domain.intents import AddCard, DeleteCard, Intent, PurgeVersion, SetStatus, UndeleteCard
from vault.usecases.ledger.delta import YOUNGEST


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


def another() -> AddCard:
    return new_card(1, customer="anna", on_existing="NEW")


@pytest.fixture
def cards(bench: DecideBench) -> list[Card]:
    """Store three cards of one customer and number, oldest first."""
    made = []
    for _at in range(3):
        made.append(bench.card(another()))
        bench.clock.advance(1)
    return made


def group(card: Card) -> ExistingKey:
    return ExistingKey(card.tenant, card.fingerprint, card.customer, card.kind, card.token_format)


@pytest.mark.parametrize(
    "intent",
    [new_card(7), new_card(7, customer="anna"), new_card(7, ttl_us=DAY_US), new_card(1)],
    ids=["no customer's", "a customer's", "with a time to live", "a known number"],
)
def test_a_new_card_relies_on_none(bench: DecideBench, cards: list[Card], intent: AddCard) -> None:
    bench.card(intent)
    assert len(bench.delta.cards) == 1
    assert (bench.delta.relied, bench.delta.heirs) == ({}, {})


def test_what_changes_no_pointer_relies_on_none(bench: DecideBench, cards: list[Card]) -> None:
    for intent in (
        look(cards[1].token),
        new_card(1, customer="anna"),
        edit(cards[1].token, cardholder_name="Joan"),
        SetStatus(cards[1].token, 0, Status.NEEDS_CARDHOLDER),
    ):
        bench.do(intent)
        assert bench.delta.audit
        assert (bench.delta.relied, bench.delta.heirs) == ({}, {})


def test_who_comes_behind_relies_on_the_card_that_is_found(
    bench: DecideBench, cards: list[Card]
) -> None:
    bench.card(another())
    assert bench.delta.relied == {cards[0].key: 1}
    assert (bench.delta.pointers, bench.delta.heirs) == ({}, {})


def test_who_goes_from_behind_relies_on_the_card_that_is_found(
    bench: DecideBench, cards: list[Card]
) -> None:
    bench.card(DeleteCard(cards[1].token, 0, DAY_US))
    assert bench.delta.relied == {cards[0].key: 1}
    bench.card(UndeleteCard(cards[1].token, 0))
    assert bench.delta.relied == {cards[0].key: 1}
    assert bench.delta.heirs == {}


@pytest.mark.parametrize("how", ["delete", "number"])
def test_who_is_found_and_goes_relies_on_its_heir(
    bench: DecideBench, cards: list[Card], how: str
) -> None:
    token = cards[0].token
    going: dict[str, Intent] = {
        "delete": DeleteCard(token, 0, DAY_US),
        "number": edit(token, number=9),
    }
    bench.card(going[how])
    assert bench.delta.relied == {cards[1].key: 1}
    heir = (cards[1].create_time, cards[1].token)
    assert bench.delta.heirs == {group(cards[0]): heir}


def test_the_last_to_go_has_no_heir(bench: DecideBench) -> None:
    card = bench.card(another())
    bench.card(DeleteCard(card.token, 0, DAY_US))
    assert bench.delta.relied == {}
    assert bench.delta.heirs == {group(card): YOUNGEST}


def test_what_the_flush_changes_itself_is_compared_once(
    bench: DecideBench, cards: list[Card]
) -> None:
    """Its own base revisions are preconditions already; only the heir is others'."""
    deletes = [DeleteCard(card.token, 0, DAY_US) for card in (cards[1], cards[0])]
    bench.flush(*[entry_of(each) for each in deletes])
    assert bench.delta.relied == {cards[2].key: 1}
    assert bench.delta.heirs == {group(cards[0]): (cards[2].create_time, cards[2].token)}
    added, _gone = bench.flush(entry_of(another()), entry_of(DeleteCard(cards[2].token, 0, DAY_US)))
    heir = card_in(added)
    assert bench.delta.relied == {}
    assert bench.delta.heirs == {group(cards[0]): (heir.create_time, heir.token)}
    assert bench.pointers() == [heir.token]


def test_an_older_card_takes_the_pointer_by_the_pointer_alone(
    bench: DecideBench, cards: list[Card]
) -> None:
    bench.card(DeleteCard(cards[0].token, 0, DAY_US))
    bench.card(UndeleteCard(cards[0].token, 0))
    change = bench.delta.pointers[group(cards[0])]
    assert tuple(change) == (cards[1].token, cards[0].token)
    assert bench.delta.heirs == {}
    assert bench.pointers() == [cards[0].token]


def test_who_comes_and_goes_in_one_flush_frees_nothing(
    bench: DecideBench, cards: list[Card]
) -> None:
    bench.card(DeleteCard(cards[0].token, 0, DAY_US))
    bench.flush(
        entry_of(UndeleteCard(cards[0].token, 0)),
        entry_of(DeleteCard(cards[0].token, 0, DAY_US)),
    )
    assert bench.delta.heirs == {}
    assert bench.delta.relied == {cards[1].key: 1}
    assert bench.pointers() == [cards[1].token]


def test_a_purge_relies_on_its_card(bench: DecideBench) -> None:
    card = bench.card(edit(bench.card(new_card(1)).token, number=2))
    bench.clock.advance(timedelta(days=180))
    bench.card(PurgeVersion(card.token, 1))
    assert bench.delta.cards == {}
    assert bench.delta.relied == {card.key: 2}
