"""The month in which a card expires."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal


class ExpiryInvalid(ValueError):
    """A year or month outside its limits. `field` names which; the text never quotes it."""

    field: Final[Literal["year", "month"]]

    def __init__(self, field: Literal["year", "month"]) -> None:
        super().__init__(field)
        self.field = field

    def __str__(self) -> str:
        if self.field == "year":
            return "the expiry year is between 2000 and 2099"
        return "the expiry month is between 1 and 12"


@dataclass(frozen=True, order=True, slots=True)
class Expiry:
    """A card's expiry: year 2000-2099, month 1-12, past ones allowed; ordered by time.

    The card is good through the last day of the month. Raises ExpiryInvalid.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        """Check the limits of api.md, "What a card is"."""
        if not 2000 <= self.year <= 2099:
            raise ExpiryInvalid("year")
        if not 1 <= self.month <= 12:
            raise ExpiryInvalid("month")

    @classmethod
    def from_int(cls, yyyymm: int) -> Expiry:
        """Read what `as_int` wrote. Raises ExpiryInvalid."""
        return cls(*divmod(yyyymm, 100))

    @property
    def as_int(self) -> int:
        """The expiry as one number, yyyymm: what databases compare and index."""
        return self.year * 100 + self.month


@lru_cache(maxsize=1_200)  # as many as there are: checked and made once each
def expiry_of(year: int, month: int) -> Expiry:
    """Return an expiry. Raises ExpiryInvalid."""
    return Expiry(year, month)
