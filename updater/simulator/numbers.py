"""Know card numbers: check digit, brand, and a value that cannot be printed by accident.

Independent of `cards/` on purpose: an oracle that shares the code it judges finds nothing.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NoReturn

_BRANDS: Final[tuple[tuple[str, int, int], ...]] = (
    # brand, first and last prefix; both ends have as many digits as are compared
    ("visa", 4, 4),
    ("mastercard", 51, 55),
    ("mastercard", 2221, 2720),
    ("mir", 2200, 2204),
    ("amex", 34, 34),
    ("amex", 37, 37),
    ("discover", 6011, 6011),
    ("discover", 644, 649),
    ("discover", 65, 65),
    ("diners", 300, 305),
    ("diners", 3095, 3095),
    ("diners", 36, 36),
    ("diners", 38, 39),
    ("jcb", 3528, 3589),
    ("unionpay", 62, 62),
    ("unionpay", 810, 817),
    ("maestro", 50, 50),
    ("maestro", 56, 58),
    ("maestro", 63, 63),
    ("maestro", 67, 67),
)

LENGTHS: Final[Mapping[str, frozenset[int]]] = {
    "visa": frozenset({13, 16, 18, 19}),
    "mastercard": frozenset({16}),
    "mir": frozenset(range(16, 20)),
    "amex": frozenset({15}),
    "discover": frozenset(range(16, 20)),
    "diners": frozenset(range(14, 20)),
    "jcb": frozenset(range(16, 20)),
    "unionpay": frozenset(range(14, 20)),
    "maestro": frozenset(range(12, 20)),
}


# Twice a digit, and the digits of that summed.
_DOUBLED: Final = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))


class CardNumber:
    """Hold 12 to 19 digits, Luhn-valid or not. Raises ValueError, which never quotes the input."""

    __slots__ = ("_digits",)  # no dataclass: pytest and Hypothesis would print the field

    def __init__(self, digits: str) -> None:
        if not (12 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()):
            raise ValueError("a card number has 12 to 19 digits")
        self._digits: Final = digits

    def reveal(self) -> str:
        r"""Return the digits. `git grep '\.reveal()'` lists every place to audit."""
        return self._digits

    @property
    def last4(self) -> str:
        """Return the part that may be shown."""
        return self._digits[-4:]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CardNumber) and self._digits == other._digits

    def __hash__(self) -> int:
        return hash(self._digits)

    def __repr__(self) -> str:
        return f"<CardNumber ending {self.last4}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card number is not serialised")


def check_digit(body: str) -> str:
    """Return the digit that makes `body` plus it Luhn-valid (ISO/IEC 7812-1 annex B)."""
    total = sum(map(int, body[-2::-2])) + sum(map(_DOUBLED.__getitem__, body[-1::-2]))
    return str(-total % 10)


def is_luhn_valid(digits: str) -> bool:
    """Tell whether the last digit checks the others."""
    return check_digit(digits[:-1]) == digits[-1]


def brand_of(digits: str) -> str | None:
    """Return the brand by prefix alone, or None for an unknown one."""
    return _brand_of_prefix(digits[:4])


@lru_cache(maxsize=10_000)
def _brand_of_prefix(digits: str) -> str | None:
    for brand, first, last in _BRANDS:
        width = len(str(first))
        if len(digits) >= width and first <= int(digits[:width]) <= last:
            return brand
    return None
