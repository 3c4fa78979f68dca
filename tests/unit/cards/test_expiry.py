"""The expiry month: limits, order, and the stored form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.expiry import Expiry, ExpiryInvalid

EXPIRIES = st.builds(Expiry, st.integers(2000, 2099), st.integers(1, 12))


@given(EXPIRIES, EXPIRIES)
def test_expiries_order_by_time_as_their_stored_form_does(one: Expiry, two: Expiry) -> None:
    by_time = (one.year, one.month) < (two.year, two.month)
    assert (one < two) == (one.as_int < two.as_int) == by_time
    assert (one == two) == (one.as_int == two.as_int)


@given(EXPIRIES)
def test_the_stored_form_reads_back(expiry: Expiry) -> None:
    assert Expiry.from_int(expiry.as_int) == expiry
    assert expiry.as_int == int(f"{expiry.year}{expiry.month:02d}")


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
