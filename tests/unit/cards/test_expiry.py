"""The expiry month: limits, order, last day, and the stored form."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.expiry import Expiry, ExpiryInvalid

EXPIRIES = st.builds(Expiry, st.integers(2000, 2099), st.integers(1, 12))


@given(EXPIRIES, EXPIRIES)
def test_expiries_order_by_time_as_their_stored_form_does(one: Expiry, two: Expiry) -> None:
    assert (one < two) == (one.as_int < two.as_int) == (one.last_day < two.last_day)
    assert (one == two) == (one.as_int == two.as_int)


@given(EXPIRIES)
def test_the_stored_form_reads_back(expiry: Expiry) -> None:
    assert Expiry.from_int(expiry.as_int) == expiry
    assert expiry.as_int == int(f"{expiry.year}{expiry.month:02d}")


@given(EXPIRIES)
def test_a_card_is_good_through_its_last_day(expiry: Expiry) -> None:
    day = expiry.last_day
    assert (day.year, day.month) == (expiry.year, expiry.month)
    assert (day + timedelta(days=1)).day == 1
    assert not expiry.expired_at(day)
    assert expiry.expired_at(day + timedelta(days=1))
    assert not expiry.expired_at(date(expiry.year, expiry.month, 1))


def test_an_instant_counts_as_the_day_it_reads() -> None:
    assert not Expiry(2024, 2).expired_at(datetime(2024, 2, 29, 23, 59, tzinfo=UTC))
    assert Expiry(2024, 2).expired_at(datetime(2024, 3, 1, tzinfo=UTC))
    assert Expiry(2024, 2).last_day == date(2024, 2, 29)


@given(st.integers(), st.integers())
def test_any_numbers_are_an_expiry_or_refused_by_field(year: int, month: int) -> None:
    wrong = (not 2000 <= year <= 2099) * ["year"] + (not 1 <= month <= 12) * ["month"]
    if not wrong:
        assert Expiry(year, month).month == month
        return
    with pytest.raises(ExpiryInvalid) as caught:
        Expiry(year, month)
    assert caught.value.field == wrong[0]
    assert wrong[0] in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, 1, 199912, 210001, 203000, 203013, 2030013])
def test_a_stored_form_that_is_no_expiry_is_refused(value: int) -> None:
    with pytest.raises(ExpiryInvalid):
        Expiry.from_int(value)


def test_limits_are_inside() -> None:
    assert Expiry(2000, 1) < Expiry(2099, 12)
