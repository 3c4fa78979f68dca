"""Reads the brand table and lays its prefix ranges out for one binary search.

Pure functions over the rows of `data/brands.json`; `cards.brands` holds the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, NotRequired, TypedDict

IIN_DIGITS: Final = 8
"""Prefixes are compared over the eight digits of an IIN (ISO/IEC 7812-1:2017)."""


class RowData(TypedDict):
    """One row of the data file: `ranges` are prefixes (`"4"`) or spans of them (`"51-55"`)."""

    brand: str
    lengths: list[int]
    luhn: bool
    security_code_lengths: list[int]
    ranges: list[str]


class TableData(TypedDict):
    """The data file. A changed row means a new `version`; `source` says where rows come from."""

    version: str
    source: list[str]
    notes: NotRequired[list[str]]
    brands: list[RowData]


class PrefixRange(NamedTuple):
    """All numbers whose first eight digits lie in `first..last`, written with `digits` digits."""

    first: int
    last: int
    digits: int


def parse_range(text: str) -> PrefixRange:
    """Read `"65"` or `"644-649"`.

    Raises ValueError when it isn't one or two prefixes of one length (1-8 digits) in order.
    """
    low, dash, high = text.partition("-")
    high = high if dash else low
    if not (low.isdigit() and high.isdigit() and len(low) == len(high) <= IIN_DIGITS):
        raise ValueError("a range is a prefix, or two of one length, of at most 8 digits")
    if low > high:
        raise ValueError("a range ends before it starts")
    return PrefixRange(
        int(low.ljust(IIN_DIGITS, "0")), int(high.ljust(IIN_DIGITS, "9")), digits=len(low)
    )


class Segments(NamedTuple):
    """A partition of all IINs: segment i runs from `starts[i]` to `starts[i + 1]`.

    `starts` are IINs as text without their trailing zeros, the first one empty: text of that
    form sorts among card numbers just as the IINs do, so nothing need be cut or converted.
    `owners[i]` is the name in whose row segment i lies, None between rows.
    """

    starts: tuple[str, ...]
    owners: tuple[str | None, ...]


def lay_out(rows: Iterable[tuple[str, Sequence[str]]]) -> Segments:
    """Resolve overlapping (name, ranges) rows: the longest prefix wins, then the first row."""
    ranges = [(parse_range(text), name) for name, texts in rows for text in texts]
    ranges.sort(key=lambda item: -item[0].digits)  # stable, so that ties stay in row order
    cuts = sorted(
        {0, *(r.first for r, _ in ranges), *(r.last + 1 for r, _ in ranges)} - {10**IIN_DIGITS}
    )
    starts: list[str] = []
    owners: list[str | None] = []
    for cut in cuts:
        owner = next((name for r, name in ranges if r.first <= cut <= r.last), None)
        if not owners or owner != owners[-1]:
            starts.append(f"{cut:0{IIN_DIGITS}d}".rstrip("0"))
            owners.append(owner)
    return Segments(tuple(starts), tuple(owners))
