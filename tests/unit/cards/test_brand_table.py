"""Overlapping prefix ranges, resolved: checked against a brute-force reading of the rules."""

from bisect import bisect_right
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.brand_table import IIN_DIGITS, Segments, lay_out, parse_range

Rows = Sequence[tuple[str, Sequence[str]]]


def look_up(segments: Segments, digits: str) -> str | None:
    return segments.owners[bisect_right(segments.starts, digits) - 1]


def brute_force(rows: Rows, digits: str) -> str | None:
    """Read the rules aloud: the longest prefix that matches; of equals, the first row."""
    best: tuple[int, str] | None = None
    for name, texts in rows:
        for text in texts:
            low, _, high = text.partition("-")
            if low <= digits[: len(low)] <= (high or low) and (best is None or len(low) > best[0]):
                best = (len(low), name)
    return best[1] if best else None


@st.composite
def range_texts(draw: st.DrawFn) -> str:
    size = draw(st.integers(1, 4))
    low, high = sorted(draw(st.integers(0, 10**size - 1)) for _ in range(2))
    return f"{low:0{size}d}-{high:0{size}d}" if draw(st.booleans()) else f"{low:0{size}d}"


TABLES = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.lists(range_texts(), min_size=1, max_size=3)), max_size=6
)


@given(TABLES, st.text(alphabet="0123456789", min_size=IIN_DIGITS, max_size=19))
def test_every_number_finds_the_row_that_the_rules_name(rows: Rows, digits: str) -> None:
    assert look_up(lay_out(rows), digits) == brute_force(rows, digits)


@given(TABLES)
def test_every_boundary_finds_the_row_that_the_rules_name(rows: Rows) -> None:
    segments = lay_out(rows)
    for _, texts in rows:
        for text in texts:
            span = parse_range(text)
            for iin in {span.first - 1, span.first, span.last, span.last + 1}:
                if 0 <= iin < 10**IIN_DIGITS:
                    digits = f"{iin:0{IIN_DIGITS}d}"
                    assert look_up(segments, digits) == brute_force(rows, digits)


@given(TABLES, st.text(alphabet="0123456789", max_size=IIN_DIGITS))
def test_a_short_prefix_reads_as_if_zeros_followed(rows: Rows, digits: str) -> None:
    segments = lay_out(rows)
    assert look_up(segments, digits) == look_up(segments, digits.ljust(IIN_DIGITS, "0"))


def test_a_tie_goes_to_the_first_row_and_length_beats_order() -> None:
    first, second = ("FIRST", ["40-49"]), ("SECOND", ["45", "467"])
    assert look_up(lay_out([first, second]), "45000000") == "FIRST"
    assert look_up(lay_out([second, first]), "45000000") == "SECOND"
    assert look_up(lay_out([first, second]), "46700000") == "SECOND"
    assert look_up(lay_out([first, second]), "46800000") == "FIRST"
    assert look_up(lay_out([first, second]), "50000000") is None


def test_an_empty_table_owns_nothing() -> None:
    assert look_up(lay_out([]), "41111111") is None


@pytest.mark.parametrize("text", ["", "4-", "-4", "4x", "51-5", "55-51", "123456789", "1-2-3"])
def test_a_malformed_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a range"):
        parse_range(text)
