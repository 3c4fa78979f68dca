"""Test numbers: valid, of the right brand, one per counter, and recognised.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.brands import Brand, brand_of, rule
from cards.luhn import luhn_valid
from cards.pan import Pan
from cards.testcards import PUBLISHED, is_test_number, test_pan

BRANDS = sorted(PUBLISHED)


def test_every_brand_but_naranja_has_a_published_prefix() -> None:
    assert set(Brand) - set(PUBLISHED) == {Brand.NARANJA, Brand.UNKNOWN}


@pytest.mark.parametrize("brand", BRANDS, ids=str)
def test_published_prefixes_are_eight_digits_of_the_brand(brand: Brand) -> None:
    assert all(len(p) == 8 and p.isdigit() and brand_of(p) is brand for p in PUBLISHED[brand])


@given(st.sampled_from(BRANDS), st.integers(0, 9_999), st.data())
def test_a_test_number_is_valid_and_of_its_brand(
    brand: Brand, counter: int, data: st.DataObject
) -> None:
    roomy = sorted(length for length in rule(brand).lengths if length >= 13)
    digits = test_pan(brand, counter, data.draw(st.none() | st.sampled_from(roomy)))
    assert Pan(digits).brand is brand
    assert luhn_valid(digits)  # also where the brand doesn't ask for it
    assert is_test_number(digits)
    assert int(digits[8:-1]) == counter


@pytest.mark.parametrize("brand", BRANDS, ids=str)
def test_counters_give_distinct_numbers(brand: Brand) -> None:
    assert len({test_pan(brand, counter) for counter in range(2_000)}) == 2_000
    assert test_pan(brand, 1) == test_pan(brand, 1)


@pytest.mark.parametrize("brand", BRANDS, ids=str)
def test_a_counter_that_does_not_fit_is_refused(brand: Brand) -> None:
    room = 10 ** (len(test_pan(brand, 0)) - 9)
    assert Pan(test_pan(brand, room - 1)).brand is brand
    for counter in (-1, room):
        with pytest.raises(ValueError, match="does not fit"):
            test_pan(brand, counter)


@pytest.mark.parametrize("brand", [Brand.NARANJA, Brand.UNKNOWN], ids=str)
def test_a_brand_without_a_published_number_is_refused(brand: Brand) -> None:
    with pytest.raises(ValueError, match="no published"):
        test_pan(brand, 0)


@pytest.mark.parametrize("length", [0, 12, 15, 20])
def test_a_length_that_is_not_the_brands_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="of this length"):
        test_pan(Brand.VISA, 0, length)


# Published numbers, whole: PayPal, Stripe, and account-updater.md sections 4.12, 4.1 and 2.2.
WHOLE = (
    *("4111111111111111", "4242424242424242", "5555555555554444", "2223003122003222"),
    *("378282246310005", "6011111111111117", "30569309025904", "3566002020360505"),
    *("4012000000000016", "4012000000000065", "5442980000000016", "6011000000000061"),
    *("342132335566772", "376655111122997", "349900006577234"),
    *("2222333344445555", "5573491171027315", "5573491171029999"),
)


def test_published_numbers_are_test_numbers() -> None:
    assert all([is_test_number(digits) for digits in WHOLE])  # noqa: C419 - each is looked at


def test_every_prefix_says_whose_it_is_and_stands_once() -> None:
    data = json.loads(files("cards").joinpath("data/test_numbers.json").read_text("utf-8"))
    prefixes = [row["first8"] for row in data["prefixes"]]
    told = " ".join(data["source"])
    assert len(prefixes) == len(set(prefixes)) == sum(map(len, PUBLISHED.values()))
    assert all(row["of"] in told for row in data["prefixes"])


def test_numbers_elsewhere_are_no_test_numbers() -> None:
    digits = test_pan(Brand.VISA, 3)
    assert not is_test_number("42" + digits[2:])
    assert not is_test_number(digits[:7])
    assert not is_test_number("")
