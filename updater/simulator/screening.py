"""Judge one question before any network is asked: CyberSource's DEC reasons 801 to 806.

They are used as names for what is wrong in every format; each spells them as it can.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from updater.simulator.ledger import Expiry
from updater.simulator.numbers import LENGTHS, CardNumber, brand_of, is_luhn_valid
from updater.simulator.request import Question

BAD_NUMBER: Final = "801"
BAD_CHECK_DIGIT: Final = "802"
BAD_EXPIRY: Final = "803"
UNSUPPORTED_TYPE: Final = "804"
BAD_LENGTH_FOR_TYPE: Final = "805"
UNKNOWN_TYPE: Final = "806"


@dataclass(frozen=True, slots=True)
class Screened:
    """Hold a question that may go to the issuers. `expiry` is None where it was not said."""

    pan: CardNumber
    expiry: Expiry | None
    brand: str


def screen(
    question: Question, supported_brands: frozenset[str], *, expiry_required: bool = True
) -> Screened | str:
    """Return the card asked about, or the reason code of the first thing wrong with it."""
    digits = question.number
    if not (digits and digits.isascii() and digits.isdigit()):
        return BAD_NUMBER
    brand = brand_of(digits)
    if brand is None:
        return UNKNOWN_TYPE
    if brand not in supported_brands:
        return UNSUPPORTED_TYPE
    if len(digits) not in LENGTHS[brand]:
        return BAD_LENGTH_FOR_TYPE
    if not is_luhn_valid(digits):
        return BAD_CHECK_DIGIT
    absent = question.month == "00" or (question.month + question.year).isspace()
    expiry = None if absent and not expiry_required else _expiry(question.month, question.year)
    return BAD_EXPIRY if expiry == _BAD else Screened(CardNumber(digits), expiry, brand)


def asked_expiry(question: Question) -> Expiry | None:
    """Return the expiry of a question, None if it has none or no good one."""
    found = _expiry(question.month, question.year)
    return None if found == _BAD else found


_BAD: Final = Expiry(0, 0)


@lru_cache(maxsize=5_000)
def _expiry(month: str, year: str) -> Expiry:
    text = month + year
    if len(month) != 2 or len(year) != 2 or not (text.isascii() and text.isdigit()):
        return _BAD
    return Expiry(int(month), 2000 + int(year)) if 1 <= int(month) <= 12 else _BAD
