"""What may be shown of a card number, and card numbers where none belong.

Names and metadata are searched, ids and customers are judged whole (api.md, "What a card is").
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from cards.brands import Brand, rule_of
from cards.luhn import luhn_sum
from cards.pan import Pan

# Runs are maximal: a match starts at a run's first digit and takes all of it, because a run that
# is too short fails from each of its digits.
_RUN: Final = re.compile(r"[0-9](?:[ -]?[0-9]){11,}")
# Stand-alone ones only: a number in a row with a UUID is in no UUID.
_EXEMPT: Final = re.compile(
    r"(?<![0-9A-Za-z-])(?:"
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    # An own token to the letter (`decide/tokens.py`): "tok_" before a number exempts nothing.
    r"|tok_0[0-9a-hjkmnp-tv-z]{25}"
    r")(?![0-9A-Za-z-])"
)


def mask(pan: Pan) -> str:
    """Return the first six digits, four stars and the last four: the most PCI DSS 3.4.1 shows."""
    return f"{pan.bin(6)}****{pan.last4}"


def holds_card_number(text: str) -> bool:
    """Tell whether free text (a name, metadata) holds something that is a card number.

    That is a maximal run of 12-19 digits, single spaces or hyphens between, which as a whole is
    Luhn-valid, of a known brand and of a length of that brand. UUIDs and own tokens are exempt;
    decimal digits of other scripts count as digits.
    """
    text = _ascii_digits(text)
    if _RUN.search(text) is None:
        return False
    return any(_is_number(run[0]) for run in _RUN.finditer(_EXEMPT.sub("#", text)))


def is_card_number(value: str) -> bool:
    """Tell whether a value that is one word (an id, a customer) is, as a whole, a card number.

    Same terms as `holds_card_number`, for the whole value without blanks around it.
    """
    value = _ascii_digits(value).strip()
    return _RUN.fullmatch(value) is not None and _is_number(value)


def may_be_card_number(value: str) -> bool:
    """Tell whether a value may, as a whole, be a card number: for where none may be written.

    As `is_card_number`, and without the check digit for brands that have numbers without one.
    """
    digits = _ascii_digits(value).strip().replace(" ", "").replace("-", "")
    if not (12 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()):
        return False
    rule = rule_of(digits)
    known = rule.brand is not Brand.UNKNOWN and len(digits) in rule.lengths
    return is_card_number(value) or (known and not rule.luhn)


def _is_number(run: str) -> bool:
    digits = run.replace(" ", "").replace("-", "")
    if not 12 <= len(digits) <= 19 or luhn_sum(digits):
        return False
    rule = rule_of(digits)
    return rule.brand is not Brand.UNKNOWN and len(digits) in rule.lengths


def _ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char, char)) for char in text)
