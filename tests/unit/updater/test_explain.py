"""Why a card isn't asked about and when it will be: never other than what choosing does."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from cards.brands import Brand
from updater.domain.enrolment import (
    AskingPolicy,
    CardStatus,
    Enrolment,
    NotAsked,
    due_at,
    why_not_asked,
)
from updater.domain.mapping import CYBERSOURCE
from updater.files.codec import CODECS
from updater.usecases.channel import Channel
from updater.usecases.explain import explained

DAY: Final = 86_400_000_000
NOW: Final = 20_000 * DAY
CARD: Final = Enrolment("demo", "tok_1", "shop", 1, True, CardStatus.ACTIVE, Brand.VISA)
CHECKED: Final = replace(CARD, asked_at=NOW - 8 * DAY, asked_version=1, checked_at=NOW - 7 * DAY)
POLICY: Final = AskingPolicy(brands=(Brand.VISA,))


def channel(name: str, *brands: Brand, every: int = 28) -> Channel:
    policy = AskingPolicy(brands=brands, every=timedelta(days=every))
    return Channel(name, CODECS[CYBERSOURCE], policy, {}, "notify@example.org")


FIRST: Final = channel("first", Brand.VISA)
SECOND: Final = channel("second", Brand.VISA, Brand.AMEX, every=14)


def test_a_card_that_is_due_has_no_reason_and_no_time() -> None:
    found = explained(CARD, [FIRST, SECOND], (), NOW)
    assert (found.not_asked, found.channel, found.next_time) == (None, "first", None)


def test_the_first_channel_that_works_asks_by_its_own_rules() -> None:
    found = explained(CHECKED, [FIRST, SECOND], (), NOW)
    assert (found.not_asked, found.channel) == (NotAsked.NOT_DUE, "first")
    assert found.next_time == NOW + 20 * DAY
    found = explained(CHECKED, [FIRST, SECOND], [("first", "demo")], NOW)
    assert (found.channel, found.next_time) == ("second", NOW + 6 * DAY)
    found = explained(CHECKED, [FIRST, SECOND], [("first", "another")], NOW)
    assert found.channel == "first"


def test_while_every_channel_rests_time_brings_nothing() -> None:
    paused = [("first", "demo"), ("second", "demo")]
    found = explained(CARD, [FIRST, SECOND], paused, NOW)
    assert (found.not_asked, found.channel, found.next_time) == (NotAsked.PAUSED, "first", None)
    found = explained(CHECKED, [FIRST, SECOND], paused, NOW)
    assert (found.not_asked, found.next_time) == (NotAsked.NOT_DUE, None)


def test_a_card_that_no_channel_serves_says_what_else_stands_in_the_way() -> None:
    card = replace(CARD, brand=Brand.JCB)
    found = explained(card, [FIRST, SECOND], (), NOW)
    assert (found.not_asked, found.channel) == (NotAsked.BRAND_NOT_SERVED, "")
    found = explained(replace(card, enrolled=False), [FIRST], (), NOW)
    assert found.not_asked is NotAsked.ENDED


def test_what_was_asked_lately_says_when_it_may_be_again() -> None:
    unchecked = replace(CHECKED, asked_at=NOW - 2 * DAY, checked_at=None)
    found = explained(unchecked, [FIRST], (), NOW)
    assert (found.not_asked, found.next_time) == (NotAsked.ASKED_RECENTLY, NOW + 5 * DAY)
    checked = replace(unchecked, checked_at=NOW - DAY)
    assert explained(checked, [FIRST], (), NOW).next_time == NOW + 26 * DAY


TIMES = st.integers(0, 2 * NOW)
CARDS = st.builds(
    Enrolment,
    tenant=st.just("demo"),
    token=st.just("tok_1"),
    merchant_account=st.just("shop"),
    credential_version=st.integers(1, 3),
    fpan=st.booleans(),
    status=st.sampled_from(CardStatus),
    brand=st.sampled_from([Brand.VISA, Brand.JCB]),
    covered=st.booleans(),
    opted_out=st.booleans(),
    enrolled=st.booleans(),
    asked_at=st.none() | st.integers(NOW - 40 * DAY, NOW),
    asked_version=st.none() | st.integers(1, 3),
    checked_at=st.none() | st.integers(NOW - 40 * DAY, NOW + DAY),
    open_batch=st.sampled_from(["", "1"]),
    chain=st.integers(0, 9),
)


@given(CARDS, st.integers(0, 60), st.integers(0, 60))
def test_the_time_told_is_the_first_at_which_the_card_is_chosen(
    card: Enrolment, every: int, again: int
) -> None:
    policy = AskingPolicy((Brand.VISA,), timedelta(days=every), timedelta(days=again))
    at = due_at(card, policy, NOW)
    if at is None:
        assert all(why_not_asked(card, policy, NOW + days * DAY) is not None for days in range(130))
    else:
        assert why_not_asked(card, policy, at) is None
        assert at == NOW or why_not_asked(card, policy, at - 1) is not None


@given(CARDS)
def test_a_reason_is_told_exactly_where_choosing_has_one(card: Enrolment) -> None:
    found = explained(card, [FIRST], (), NOW)
    assert found.not_asked == why_not_asked(card, FIRST.policy, NOW)
    if found.not_asked is None:
        assert found.next_time is None
