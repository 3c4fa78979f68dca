import copy

import pytest

from tests.unit.simulator.exchange_site import number
from updater.simulator.numbers import CardNumber, brand_of, check_digit, is_luhn_valid


@pytest.mark.parametrize(
    "text",
    ["", "4" * 11, "4" * 20, "4" * 15 + "x", "\N{ARABIC-INDIC DIGIT FOUR}" * 16, "4" * 15 + " "],
    ids=["empty", "short", "long", "letter", "other digits", "blank"],
)
def test_a_card_number_is_12_to_19_ascii_digits_and_never_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="a card number has 12 to 19 digits"):
        CardNumber(text)


def test_a_card_number_shows_its_last_four_only() -> None:
    card = number(1)
    hidden = card.reveal()[:-4]
    assert hidden not in f"{card!r} {card} {[card]}"
    assert card.last4 in repr(card)


def test_a_card_number_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        copy.copy(number(1))


def test_equal_digits_are_one_key() -> None:
    assert len({number(1), number(1), number(2)}) == 2
    assert number(1) != "not a number"


def test_the_check_digit_of_the_standard_example() -> None:
    assert check_digit("7992739871") == "3"  # the well-known worked example
    assert is_luhn_valid("79927398713")
    assert not is_luhn_valid("79927398710")


def test_a_changed_digit_or_neighbours_swapped_are_found() -> None:
    digits = number(123_456).reveal()
    for index in range(len(digits)):
        other = str((int(digits[index]) + 1) % 10)
        assert not is_luhn_valid(digits[:index] + other + digits[index + 1 :])


@pytest.mark.parametrize(
    ("prefix", "brand"),
    [
        ("4", "visa"),
        ("51", "mastercard"),
        ("55", "mastercard"),
        ("2221", "mastercard"),
        ("2720", "mastercard"),
        ("2721", None),
        ("2220", None),
        ("2200", "mir"),
        ("34", "amex"),
        ("37", "amex"),
        ("35", None),
        ("3528", "jcb"),
        ("3589", "jcb"),
        ("3590", None),
        ("6011", "discover"),
        ("644", "discover"),
        ("65", "discover"),
        ("305", "diners"),
        ("36", "diners"),
        ("62", "unionpay"),
        ("67", "maestro"),
        ("1", None),
        ("9", None),
        ("", None),
    ],
)
def test_the_prefix_decides_the_brand(prefix: str, brand: str | None) -> None:
    assert brand_of(prefix) == brand
