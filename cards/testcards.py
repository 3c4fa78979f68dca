"""Card numbers for tests, demos and benchmarks: many, valid, and nobody's.

A number is the first 8 digits of a published test number of its brand, a counter and a check
digit (api.md, "Test numbers"). Naranja has no published one; table tests cover it. The published
ones are data (`data/test_numbers.json`), each with whose list it is from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from cards.brands import Brand, rule
from cards.luhn import check_digit

_PREFIX: Final = 8

_ROWS: Final[list[dict[str, str]]] = json.loads(
    files("cards").joinpath("data/test_numbers.json").read_text(encoding="utf-8")
)["prefixes"]

PUBLISHED: Final[Mapping[Brand, tuple[str, ...]]] = MappingProxyType(
    {
        brand: tuple(row["first8"] for row in _ROWS if row["brand"] == brand)
        for brand in dict.fromkeys(Brand(row["brand"]) for row in _ROWS)
    }
)
"""The first 8 digits of published test numbers, by brand; `test_pan` uses the first."""

_LENGTHS: Final[Mapping[Brand, int]] = {Brand.AMEX: 15, Brand.DINERS: 14, Brand.VERVE: 19}
_TEST_PREFIXES: Final = frozenset(prefix for group in PUBLISHED.values() for prefix in group)


def test_pan(brand: Brand, counter: int, length: int | None = None) -> str:  # noqa: PT028
    """Return the brand's test number of this counter: equal arguments, equal number.

    `length` is by default the published number's (Diners 14, Amex 15, Verve 19, else 16).
    Different counters give different numbers. Raises ValueError for a brand without a published
    test number, for a length that isn't the brand's, and for a counter that doesn't fit.
    """
    prefixes = PUBLISHED.get(brand)
    if prefixes is None:
        raise ValueError("this brand has no published test number")
    length = _LENGTHS.get(brand, 16) if length is None else length
    if length not in rule(brand).lengths:
        raise ValueError("no card of this brand has a number of this length")
    width = length - _PREFIX - 1
    if not 0 <= counter < 10**width:
        raise ValueError("the counter does not fit between the prefix and the check digit")
    partial = f"{prefixes[0]}{counter:0{width}d}"
    return partial + check_digit(partial)


# pytest would otherwise take it for a test in every test module that imports it.
test_pan.__test__ = False  # type: ignore[attr-defined]


def is_test_number(digits: str) -> bool:
    """Tell whether a card number lies under the first 8 digits of a published test number.

    A real card may not: those digits were published for testing. `digits` is a whole number's.
    """
    return digits[:_PREFIX] in _TEST_PREFIXES
