"""The card number: what is accepted, what is refused and why, and that it never shows itself.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

import copy
import json
import logging
import pickle  # noqa: TID251 - to see it refused
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards import testcards
from cards.brands import Brand, brand_of, rule
from cards.luhn import check_digit, luhn_valid
from cards.pan import Pan, PanInvalid, PanProblem

BRANDS = sorted(testcards.PUBLISHED)


def number(brand: Brand = Brand.VISA, counter: int = 7, length: int | None = None) -> str:
    return testcards.test_pan(brand, counter, length)


def problem_of(text: str) -> PanProblem | None:
    try:
        Pan(text)
    except PanInvalid as error:
        return error.problem
    return None


def off_by_one(digits: str) -> str:
    return digits[:-1] + str((int(digits[-1]) + 1) % 10)


@given(st.text(max_size=25) | st.text(alphabet="0123456789", min_size=10, max_size=21))
def test_any_text_is_a_card_number_by_the_rules_or_refused(text: str) -> None:
    digits = text.isascii() and text.isdigit()
    expected = None
    if not 12 <= len(text) <= 19:
        expected = PanProblem.LENGTH
    elif not digits:
        expected = PanProblem.ALPHABET
    elif len(text) not in rule(brand_of(text)).lengths:
        expected = PanProblem.BRAND_LENGTH
    elif rule(brand_of(text)).luhn and not luhn_valid(text):
        expected = PanProblem.CHECK_DIGIT
    assert problem_of(text) is expected


@pytest.mark.parametrize("brand", BRANDS, ids=str)
def test_every_length_of_a_brand_is_accepted_and_every_other_refused(brand: Brand) -> None:
    prefix = testcards.PUBLISHED[brand][0]
    for length in range(12, 20):
        partial = prefix.ljust(length - 1, "0")
        wanted = None if length in rule(brand).lengths else PanProblem.BRAND_LENGTH
        assert problem_of(partial + check_digit(partial)) is wanted


@pytest.mark.parametrize("brand", BRANDS, ids=str)
def test_the_check_digit_is_required_unless_the_row_says_no(brand: Brand) -> None:
    wanted = PanProblem.CHECK_DIGIT if rule(brand).luhn else None
    assert problem_of(off_by_one(number(brand))) is wanted


def test_of_an_unknown_brand_the_check_digit_is_required() -> None:
    partial = "9" * 15
    whole = partial + check_digit(partial)
    assert brand_of(whole) is Brand.UNKNOWN
    assert problem_of(whole) is None
    assert problem_of(off_by_one(whole)) is PanProblem.CHECK_DIGIT


@pytest.mark.parametrize("cut", [11, 20, 0, 1000], ids=["short", "long", "empty", "huge"])
def test_eleven_and_twenty_digits_are_too_few_and_too_many(cut: int) -> None:
    assert problem_of("4" * cut) is PanProblem.LENGTH


def test_blanks_hyphens_and_digits_of_other_scripts_are_refused() -> None:
    good = number()
    spaced = f"{good[:4]} {good[4:]}"
    fullwidth = "".join(chr(ord("\uff10") + int(d)) for d in good)
    odd = [spaced, spaced.replace(" ", "-"), fullwidth, good[:-1] + "\u00b2", good[:-1] + "\n"]
    assert {problem_of(text) for text in odd} == {PanProblem.ALPHABET}


@pytest.mark.parametrize("problem", PanProblem, ids=str)
def test_each_refusal_has_a_fixed_sentence_without_the_input(problem: PanProblem) -> None:
    partial = number()[:14]
    bad = {
        PanProblem.LENGTH: number()[:11],
        PanProblem.ALPHABET: number() + "x",
        PanProblem.BRAND_LENGTH: partial + check_digit(partial),
        PanProblem.CHECK_DIGIT: off_by_one(number()),
    }[problem]
    with pytest.raises(PanInvalid) as caught:
        Pan(bad)
    assert caught.value.problem is problem
    shown = f"{caught.value} {caught.value!r} {caught.value.args}"
    assert not any(bad[i : i + 5] in shown for i in range(len(bad) - 4))
    assert str(caught.value) == str(PanInvalid(problem))
    assert len({str(PanInvalid(p)) for p in PanProblem}) == len(PanProblem)


def test_reveal_gives_the_digits_back() -> None:
    good = number()
    assert Pan(good).reveal() == good


@pytest.mark.parametrize("brand", BRANDS, ids=str)
def test_what_may_be_shown_is_cut_from_the_number(brand: Brand) -> None:
    good = number(brand)
    pan = Pan(good)
    assert pan.last4 == good[-4:]
    assert pan.brand is brand
    assert len(pan) == len(good)
    assert pan.bin() == good[:6]


@pytest.mark.parametrize(
    ("brand", "asked", "given"),
    [(Brand.VISA, 8, 8), (Brand.VISA, 6, 6), (Brand.AMEX, 8, 6), (Brand.VERVE, 8, 8)],
    ids=["sixteen", "sixteen-six", "fifteen", "nineteen"],
)
def test_eight_bin_digits_only_of_sixteen_and_more(
    brand: Brand, asked: Literal[6, 8], given: int
) -> None:
    good = number(brand)
    assert Pan(good).bin(asked) == good[:given]


def test_equal_numbers_are_equal_and_nothing_else_is() -> None:
    one, same, other = Pan(number()), Pan(number()), Pan(number(counter=8))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != Pan(number(length=19))
    assert (one == number()) is False
    assert len({one, same, other}) == 2


def test_every_way_of_printing_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    good = number()
    pan = Pan(good)
    masked = f"<Pan ending {good[-4:]}>"
    logging.getLogger("test").warning("%s %r", pan, [pan])
    ways = [repr(pan), str(pan), f"{pan}", f"{pan!r}", "%s" % pan, repr([pan]), f"{pan:>40}"]  # noqa: UP031
    assert all(masked in shown for shown in [*ways, caplog.text])
    assert not any(good[:6] in shown for shown in [*ways, caplog.text])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol: int) -> None:
    with pytest.raises(TypeError, match="seal it"):
        pickle.dumps(Pan(number()), protocol)


def test_copying_and_other_serialisers_are_refused() -> None:
    pan = Pan(number())
    for way in (copy.copy, copy.deepcopy, json.dumps, vars, Pan.__getstate__):
        with pytest.raises(TypeError):
            way(pan)


def test_a_refusal_can_itself_be_copied() -> None:
    again = copy.copy(PanInvalid(PanProblem.LENGTH))
    assert again.problem is PanProblem.LENGTH
