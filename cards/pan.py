"""The card number: a value that passed its checks and cannot be printed by accident."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hmac import compare_digest
from typing import Final, Literal, NoReturn, Self

from cards.brands import Brand, brand_of, rule_of
from cards.luhn import luhn_sum


class PanProblem(StrEnum):
    """Why a text is no card number; the first of these checks that failed."""

    LENGTH = "LENGTH"
    ALPHABET = "ALPHABET"
    BRAND_LENGTH = "BRAND_LENGTH"
    CHECK_DIGIT = "CHECK_DIGIT"


_SENTENCES: Final[Mapping[PanProblem, str]] = {
    PanProblem.LENGTH: "a card number has 12 to 19 digits",
    PanProblem.ALPHABET: "a card number consists of digits only",
    PanProblem.BRAND_LENGTH: "no card of this brand has a number of this length",
    PanProblem.CHECK_DIGIT: "the check digit does not match",
}


class PanInvalid(ValueError):
    """A text that is no card number. Its text is a fixed sentence and safe to show."""

    problem: Final[PanProblem]

    def __init__(self, problem: PanProblem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return _SENTENCES[self.problem]


class Pan:
    """A card number of 12-19 digits that passed its brand's checks.

    Raises PanInvalid: wrong length or alphabet, a length its brand doesn't have, a check digit
    that doesn't match (required unless the brand's row says no; of an unknown brand required).
    Equality takes the same time wherever the numbers differ. Only `reveal` gives the digits;
    every way of printing is masked, and pickling, copying included, is refused.
    """

    # Neither a dataclass nor a str: pytest and Hypothesis print fields, repr=False or not.
    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        _check_form(digits)
        rule = rule_of(digits)
        if len(digits) not in rule.lengths:
            raise PanInvalid(PanProblem.BRAND_LENGTH)
        if rule.luhn and luhn_sum(digits):
            raise PanInvalid(PanProblem.CHECK_DIGIT)
        self._digits: Final = digits

    @classmethod
    def stored(cls, digits: str) -> Self:
        """Return a number that passed its brand's checks once, whatever the table says today.

        A row that was added or made stricter since must not make a stored card unreadable. Raises
        PanInvalid for what was never a card number: length and alphabet are still checked.
        """
        _check_form(digits)
        pan = object.__new__(cls)
        pan._digits = digits  # type: ignore[misc] # Final, and set once, as in __init__
        return pan

    def reveal(self) -> str:
        r"""Return the digits. `git grep '\.reveal()'` lists every place to audit."""
        return self._digits

    @property
    def last4(self) -> str:
        """The last four digits: not sensitive, may be stored and shown."""
        return self._digits[-4:]

    @property
    def brand(self) -> Brand:
        """The brand by the number's prefix, looked up on each call."""
        return brand_of(self._digits)

    def bin(self, digits: Literal[6, 8] = 6) -> str:
        """Return the first 6 digits, or 8 if asked for and the number has 16 or more.

        More than 8 beside the last four would break PCI DSS 3.4.1; 8 needs the caller's
        permission `bin8`, which isn't checked here.
        """
        return self._digits[: 8 if digits == 8 and len(self._digits) >= 16 else 6]

    def __len__(self) -> int:
        return len(self._digits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pan):
            return NotImplemented
        return compare_digest(self._digits, other._digits)

    def __hash__(self) -> int:
        return hash(self._digits)

    def __repr__(self) -> str:
        return f"<Pan ending {self._digits[-4:]}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __getstate__(self) -> NoReturn:
        raise TypeError("a card number is not serialised this way: seal it")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card number is not serialised this way: seal it")


def _check_form(digits: str) -> None:
    if not 12 <= len(digits) <= 19:
        raise PanInvalid(PanProblem.LENGTH)
    if not (digits.isascii() and digits.isdigit()):
        raise PanInvalid(PanProblem.ALPHABET)
