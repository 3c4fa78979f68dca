"""Masking, and finding card numbers where none belong.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards import testcards
from cards.brands import Brand, brand_of, rule
from cards.luhn import check_digit, luhn_valid
from cards.masking import holds_card_number, is_card_number, mask
from cards.pan import Pan
from vault.usecases.decide.tokens import opaque_token

NOW_US = 1_800_000_000_010_000  # a time whose last letter in a token is no digit
BRANDS = st.sampled_from(sorted(testcards.PUBLISHED))
COUNTERS = st.integers(0, 9_999)
SEPARATORS = st.sampled_from(["", " ", "-"])
WORDS = st.text(alphabet="abcXYZ .,:/_#\u00e9\u4e2d", max_size=12)


def number(brand: Brand = Brand.VISA, counter: int = 42) -> str:
    return testcards.test_pan(brand, counter)


def in_fours(digits: str, by: str) -> str:
    return by.join(digits[i : i + 4] for i in range(0, len(digits), 4))


def spec_holds(text: str) -> bool:
    """Read the sentence of api.md aloud, character by character."""
    runs, run, gap = [], "", ""
    for char in [*text, "."]:
        if char in "0123456789":
            run, gap = run + char, ""
        elif char in " -" and run and not gap:
            gap = char
        else:
            runs.append(run)
            run, gap = "", ""
    return any(
        12 <= len(r) <= 19
        and luhn_valid(r)
        and brand_of(r) is not Brand.UNKNOWN
        and len(r) in rule(brand_of(r)).lengths
        for r in runs
    )


@given(BRANDS, COUNTERS)
def test_a_mask_shows_ten_digits_at_most_and_both_ends(brand: Brand, counter: int) -> None:
    digits = number(brand, counter)
    shown = mask(Pan(digits))
    assert len(re.findall(r"\d", shown)) == 10
    assert shown == f"{digits[:6]}****{digits[-4:]}"
    assert digits not in shown


def test_the_shortest_number_is_masked_too() -> None:
    partial = testcards.PUBLISHED[Brand.MAESTRO][0] + "000"
    digits = partial + check_digit(partial)
    assert len(digits) == 12
    assert len(re.findall(r"\d", mask(Pan(digits)))) == 10


@given(BRANDS, COUNTERS, SEPARATORS, WORDS, WORDS)
def test_a_planted_number_is_found(
    brand: Brand, counter: int, separator: str, before: str, after: str
) -> None:
    planted = in_fours(number(brand, counter), separator)
    assert holds_card_number(f"{before}{planted}{after}")
    assert holds_card_number(separator.join(number(brand, counter)))
    assert is_card_number(planted)


@given(st.text(alphabet="0123456789 -", max_size=60) | st.text(max_size=40))
def test_any_text_is_judged_as_the_contract_reads(text: str) -> None:
    if text.isascii():
        assert holds_card_number(text) == spec_holds(text)
    else:
        holds_card_number(text)  # never raises


@given(BRANDS, COUNTERS, st.lists(st.integers(0, 2), min_size=20, max_size=20))
def test_near_misses_are_judged_as_the_contract_reads(
    brand: Brand, counter: int, gaps: list[int]
) -> None:
    digits = number(brand, counter)
    text = "".join(d + " " * g for d, g in zip(digits, gaps, strict=False))
    assert holds_card_number(text) == spec_holds(text)


@given(BRANDS, COUNTERS, st.integers(0, 9))
def test_the_run_is_maximal_so_a_longer_one_counts_as_a_whole(
    brand: Brand, counter: int, digit: int
) -> None:
    for text in (f"{digit}{number(brand, counter)}", f"{number(brand, counter)}-{digit}"):
        assert holds_card_number(text) == spec_holds(text)
    assert not holds_card_number(number(brand, counter) + "0" * 8)


def test_a_wrong_check_digit_or_an_unknown_brand_is_no_card_number() -> None:
    good = number()
    bad = good[:-1] + str((int(good[-1]) + 5) % 10)
    unknown = "9" * 15 + check_digit("9" * 15)
    short = good[:14] + check_digit(good[:14])
    assert holds_card_number(good)
    assert not any(
        holds_card_number(text) or is_card_number(text) for text in (bad, unknown, short)
    )


def test_two_blanks_or_mixed_gaps_of_two_end_a_run() -> None:
    good = number()
    assert not holds_card_number(f"{good[:8]}  {good[8:]}")
    assert not holds_card_number(f"{good[:8]} -{good[8:]}")
    assert holds_card_number(f"{good[:8]}-{good[8:12]} {good[12:]}")
    assert holds_card_number(f"12  {good}")


def test_digits_of_other_scripts_hide_nothing() -> None:
    good = number()
    for zero in ("\uff10", "\u0660", "\u0966"):
        hidden = "".join(chr(ord(zero) + int(d)) for d in good)
        assert holds_card_number(f"ref {hidden}")
        assert is_card_number(hidden)


@given(st.uuids())
def test_a_uuid_is_exempt(value: uuid.UUID) -> None:
    assert not holds_card_number(str(value))
    assert not holds_card_number(f"order {value}, again {str(value).upper()}")
    assert not is_card_number(str(value))


def test_a_uuid_that_spells_a_card_number_is_exempt_and_its_neighbour_is_not() -> None:
    good = number()
    spelled = f"abcdef{good[:2]}-{good[2:6]}-{good[6:10]}-{good[10:14]}-{good[14:]}abcdefabcd"
    assert str(uuid.UUID(spelled)) == spelled
    assert spec_holds(spelled)
    assert not holds_card_number(spelled)
    assert holds_card_number(f"{spelled} {good}")
    assert holds_card_number(spelled[:-1])


def test_an_own_token_is_exempt_and_a_bare_prefix_is_not() -> None:
    good = number()
    # What a vault may draw one day: random letters that all are digits, and a number.
    token = opaque_token(NOW_US, lambda _size: bytes(int(digit) for digit in good))
    assert good in token
    assert not holds_card_number(token)
    assert not holds_card_number(f"see {token}.")
    for smuggled in (f"tok_{good}", f"tok_{good}abcd", f"tok_01J9Z{good}ABCDE", f"{token}a"):
        assert holds_card_number(smuggled)
    assert holds_card_number(f"{token} {good}")


def test_a_word_is_judged_whole() -> None:
    good = number()
    assert is_card_number(good)
    assert is_card_number(f" {good}\n")
    assert not is_card_number(f"cust_{good}")
    assert not is_card_number(f"{good}x")
    assert not is_card_number("")


@pytest.mark.parametrize("piece", ["123 ", "12345678901 x", "1-", "12345678901-", "x"], ids=len)
def test_long_text_takes_time_in_proportion(piece: str) -> None:
    """A pattern that backtracks would not come back from this within the suite's life."""
    assert not holds_card_number(piece * 20_000)
