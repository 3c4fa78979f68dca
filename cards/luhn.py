"""The check digit of card numbers: Luhn, mod 10 (ISO/IEC 7812-1, annex B)."""

from __future__ import annotations

from typing import Final

# Doubling with the digits of the product added up: 5 -> 10 -> 1. A permutation, so that one
# bytes.translate does it for every second digit at once; sum() then adds the codes in C.
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_ZERO: Final = ord("0")


def luhn_sum(digits: str) -> int:
    """Return the Luhn sum mod 10; 0 means that the last digit checks.

    The caller has made sure that `digits` is ASCII digits only: this is the hot path.
    """
    raw = digits.encode()
    odd, even = raw[::-2], raw[-2::-2]
    return (sum(odd) + sum(even.translate(_DOUBLED)) - _ZERO * len(raw)) % 10


def luhn_valid(digits: str) -> bool:
    """Tell whether `digits` is one or more ASCII digits whose last one checks; never raises."""
    return digits.isascii() and digits.isdigit() and luhn_sum(digits) == 0


def check_digit(partial: str) -> str:
    """Return the digit that makes `partial` plus it Luhn-valid.

    Raises ValueError, without quoting it, when `partial` isn't one or more ASCII digits.
    """
    if not (partial.isascii() and partial.isdigit()):
        raise ValueError("a check digit is computed over one or more ASCII digits")
    return str(-luhn_sum(partial + "0") % 10)
