"""Choose the number a card gets when its issuer renumbers it: never one for two cards.

A number is its first eight digits, a counter, and a check digit. The counter's first digit is its
*band*. Cards are handed out in band 0; a renumbered card moves one band up under the same eight
digits, by a seeded permutation of the rest; band 8 is for cards that came from another brand, each
range receiving from exactly one other; band 9 for what a script demands and the rest can't give,
and for numbers that are nobody's.
So without a script two cards never share a number, and none returns to the band of the originals.
"""

import hashlib
import hmac
from functools import lru_cache
from typing import Final

from updater.simulator.numbers import CardNumber, check_digit

_PREFIX_DIGITS: Final = 8
_LAST_RENUMBERED_BAND: Final = 6  # bands 0 to 6 move to 1 to 7
_GIVEN_BANDS: Final = "1234567"
_FLIPPED_BAND: Final = 8
_DEMANDED_BAND: Final = 9

# The first eight digits of published test numbers, and the number's length. A card that changes
# brand goes from one entry to the next (the last to the first), so neighbours differ in brand.
_RANGES: Final[tuple[tuple[str, int], ...]] = (
    ("41111111", 16),
    ("55555555", 16),
    ("37828224", 15),
    ("60111111", 16),
    ("42424242", 16),
    ("51051051", 16),
    ("37144963", 15),
    ("60110009", 16),
    ("40128888", 16),
    ("22230031", 16),
)
_FLIP: Final = dict(zip(_RANGES, _RANGES[1:] + _RANGES[:1], strict=True))


def renumbered(key: bytes, number: CardNumber) -> CardNumber | None:
    """Return the next number in the same range, or None once the bands are used up."""
    prefix, counter, length = _parts(number)
    band = int(counter[0])
    if band > _LAST_RENUMBERED_BAND:
        return None
    rest = _permuted(key, f"renumbered {prefix} {length} {band}", counter[1:])
    return _number(prefix, f"{band + 1}{rest}")


def was_renumbered(number: CardNumber) -> bool:
    """Tell whether a number is one that `renumbered` gave."""
    return number.reveal()[_PREFIX_DIGITS] in _GIVEN_BANDS


def flipped(key: bytes, number: CardNumber) -> CardNumber | None:
    """Return a number of another brand, or None where uniqueness could not be kept.

    That is: for an unknown range, a card that was renumbered before, and a counter too large for
    the (shorter) numbers of the other brand.
    """
    prefix, counter, length = _parts(number)
    target = _FLIP.get((prefix, length))
    if target is None:
        return None
    width = _counter_digits(target[1]) - 1
    significant = counter.lstrip("0").rjust(width, "0")
    if counter[0] != "0" or len(significant) > width:
        return None
    rest = _permuted(key, f"flipped {target[0]} {target[1]}", significant)
    return _number(target[0], f"{_FLIPPED_BAND}{rest}")


def demanded(key: bytes, number: CardNumber, *, flip: bool) -> CardNumber:
    """Return a new number a script insists on. Two demanded ones might, very rarely, be equal."""
    prefix, _, length = _parts(number)
    if flip:
        own = (prefix, length)
        prefix, length = _FLIP.get(own, _RANGES[1 if prefix.startswith("4") else 0])
    return _in_last_band(key, f"demanded {number.reveal()}", prefix, length)


def stray(key: bytes, number: CardNumber, label: str) -> CardNumber:
    """Return a number of the same range that is nobody's: for what should never be applied.

    Like demanded ones, two strays might be equal; neither is ever a card's true number.
    """
    prefix, _, length = _parts(number)
    return _in_last_band(key, f"{label} {number.reveal()}", prefix, length)


def _in_last_band(key: bytes, label: str, prefix: str, length: int) -> CardNumber:
    width = _counter_digits(length) - 1
    digest = hmac.digest(key, label.encode(), hashlib.sha256)
    rest = str(int.from_bytes(digest[:8]) % 10**width).rjust(width, "0")
    return _number(prefix, f"{_DEMANDED_BAND}{rest}")


def _counter_digits(length: int) -> int:
    return length - _PREFIX_DIGITS - 1


def _parts(number: CardNumber) -> tuple[str, str, int]:
    digits = number.reveal()
    return digits[:_PREFIX_DIGITS], digits[_PREFIX_DIGITS:-1], len(digits)


def _number(prefix: str, counter: str) -> CardNumber:
    body = prefix + counter
    return CardNumber(body + check_digit(body))


def _permuted(key: bytes, label: str, digits: str) -> str:
    """Map equal-length digit strings one to one: x → a·x + b, with a prime to ten."""
    factor, shift = _permutation(key, label)
    image = (factor * int(digits) + shift) % 10 ** len(digits)
    return str(image).rjust(len(digits), "0")


@lru_cache(maxsize=1_000)  # one for each range and band
def _permutation(key: bytes, label: str) -> tuple[int, int]:
    mac = hmac.digest(key, label.encode(), hashlib.sha256)
    return int.from_bytes(mac[:8]) * 10 + (1, 3, 7, 9)[mac[8] % 4], int.from_bytes(mac[16:24])
