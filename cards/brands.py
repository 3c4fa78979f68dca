"""Card brands: which one a number is of, and what that brand's numbers look like.

The table is versioned data (`data/brands.json`, from account-updater.md section 7.1); it is read
once, on import. The longest prefix wins, a tie goes to the first row.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

from cards.brand_table import TableData, lay_out


class Brand(StrEnum):
    """The brand of a card number. UNKNOWN is storable, but no network can be asked about it."""

    VISA = "VISA"
    MASTERCARD = "MASTERCARD"
    AMEX = "AMEX"
    DISCOVER = "DISCOVER"
    DINERS = "DINERS"
    JCB = "JCB"
    UNIONPAY = "UNIONPAY"
    MAESTRO = "MAESTRO"
    MIR = "MIR"
    RUPAY = "RUPAY"
    ELO = "ELO"
    TROY = "TROY"
    HIPERCARD = "HIPERCARD"
    HIPER = "HIPER"
    VERVE = "VERVE"
    NARANJA = "NARANJA"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class BrandRule:
    """What a brand's row says of its numbers.

    `lengths` in digits; `luhn`: the check digit is required; `security_code_lengths`: what a
    security code has when there is one.
    """

    lengths: frozenset[int]
    luhn: bool
    security_code_lengths: frozenset[int]
    brand: Brand = Brand.UNKNOWN


_TABLE: Final[TableData] = json.loads(
    files("cards").joinpath("data/brands.json").read_text(encoding="utf-8")
)

TABLE_VERSION: Final[str] = _TABLE["version"]
"""The version of the brand table; it changes with every change of a row."""

_RULES: Final[dict[Brand, BrandRule]] = {
    Brand.UNKNOWN: BrandRule(
        lengths=frozenset(range(12, 20)),
        luhn=True,  # api.md: of an unknown brand it is required
        security_code_lengths=frozenset({3, 4}),
    )
} | {
    Brand(row["brand"]): BrandRule(
        lengths=frozenset(row["lengths"]),
        luhn=row["luhn"],
        security_code_lengths=frozenset(row["security_code_lengths"]),
        brand=Brand(row["brand"]),
    )
    for row in _TABLE["brands"]
}

_SEGMENTS: Final = lay_out((row["brand"], row["ranges"]) for row in _TABLE["brands"])
_STARTS: Final = _SEGMENTS.starts
# Shifted by one, for bisect_right's answer is the segment after.
_BY_SEGMENT: Final = (
    _RULES[Brand.UNKNOWN],
    *(_RULES[Brand(owner or "UNKNOWN")] for owner in _SEGMENTS.owners),
)


def rule_of(digits: str) -> BrandRule:
    """Return the row that a card number falls under; UNKNOWN's when it falls under none.

    `digits` is ASCII digits, at least eight for a certain answer: of a shorter prefix the answer
    is that of the prefix with zeros behind it.
    """
    return _BY_SEGMENT[bisect_right(_STARTS, digits)]


def brand_of(digits: str) -> Brand:
    """Return the brand of a card number; same terms as `rule_of`."""
    return _BY_SEGMENT[bisect_right(_STARTS, digits)].brand


def rule(brand: Brand) -> BrandRule:
    """Return the row of a brand; UNKNOWN has one too (12-19 digits, Luhn required)."""
    return _RULES[brand]
