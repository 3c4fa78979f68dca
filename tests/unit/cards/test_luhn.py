"""The check digit, against an independent digit-by-digit computation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.luhn import check_digit, luhn_sum, luhn_valid

DIGITS = st.text(alphabet="0123456789", min_size=1, max_size=30)


def slow_sum(digits: str) -> int:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10


@given(DIGITS)
def test_the_fast_sum_equals_the_schoolbook_sum(digits: str) -> None:
    assert luhn_sum(digits) == slow_sum(digits)


@given(DIGITS)
def test_exactly_one_check_digit_fits(partial: str) -> None:
    right = check_digit(partial)
    assert [d for d in "0123456789" if luhn_valid(partial + d)] == [right]


@given(DIGITS, st.data())
def test_any_single_wrong_digit_is_noticed(partial: str, data: st.DataObject) -> None:
    whole = partial + check_digit(partial)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != whole[place]]))
    assert not luhn_valid(whole[:place] + other + whole[place + 1 :])


@given(st.text(max_size=30))
def test_other_text_is_invalid_and_never_raises(text: str) -> None:
    if not (text.isascii() and text.isdigit()):
        assert not luhn_valid(text)
        with pytest.raises(ValueError, match="one or more ASCII digits") as caught:
            check_digit(text)
        assert len(text) < 4 or text not in str(caught.value)


def test_a_fullwidth_or_superscript_digit_is_no_digit() -> None:
    assert luhn_valid("18")
    assert not luhn_valid("\uff11\uff18")
    assert not luhn_valid("1\u2078")
    assert not luhn_valid("")
