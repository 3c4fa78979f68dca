"""The arrows of api.md, "Lifecycle", written out once more as tables."""

from __future__ import annotations

import pytest

from cards.outcomes import BRINGS_NUMBER, ENDS_OR_PAUSES, Outcome
from vault.domain.card import Status
from vault.domain.lifecycle import NEWS, News, after_cardholder, after_network, operator_may

A, N, C, D = Status.ACTIVE, Status.NEEDS_CARDHOLDER, Status.CLOSED, Status.DELETED

#           news          from A  N  C
NETWORK = {
    News.NUMBER: (A, A, A),
    News.EXPIRY: (A, A, C),
    News.CLOSED: (C, C, C),
    News.CONTACT: (N, N, C),
    News.NOTHING: (A, N, C),
}
#  (new number, new expiry)   from A  N  C
CARDHOLDER = {
    (False, False): (A, N, C),
    (True, False): (A, A, A),
    (False, True): (A, A, C),
    (True, True): (A, A, A),
}
OPERATOR = {
    A: {A, N, C},
    N: {A, N, C},
    C: {A, N, C},
    D: {D},
}


@pytest.mark.parametrize("news", NETWORK)
def test_a_networks_news_moves_a_card_along_the_table(news: News) -> None:
    assert tuple(after_network(before, news) for before in (A, N, C)) == NETWORK[news]


@pytest.mark.parametrize("news", NETWORK)
def test_no_news_brings_a_deleted_card_back(news: News) -> None:
    assert after_network(D, news) is D


def test_the_network_table_covers_every_kind_of_news() -> None:
    assert NETWORK.keys() == set(News)


@pytest.mark.parametrize(("number", "expiry"), CARDHOLDER)
def test_the_cardholders_change_moves_a_card_along_the_table(*, number: bool, expiry: bool) -> None:
    moved = [after_cardholder(before, new_number=number, new_expiry=expiry) for before in (A, N, C)]
    assert tuple(moved) == CARDHOLDER[number, expiry]


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_an_operator_may_make_the_steps_of_the_table_and_no_other(
    before: Status, after: Status
) -> None:
    assert operator_may(before, after) is (after in OPERATOR[before])


def test_outcomes_that_bring_something_are_news_and_no_other() -> None:
    assert {outcome for outcome, news in NEWS.items() if news is News.NUMBER} == BRINGS_NUMBER
    assert {outcome for outcome, news in NEWS.items() if news in {News.CLOSED, News.CONTACT}} == (
        ENDS_OR_PAUSES
    )
    assert set(NEWS) == BRINGS_NUMBER | ENDS_OR_PAUSES | {Outcome.EXPIRY_UPDATED}
