"""The data has its say: it confirms a code, or overrules it (section B)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cards.brands import Brand
from cards.outcomes import BRINGS_EXPIRY, Outcome


class Datum(StrEnum):
    """How a value in an answer compares with the one that was asked about."""

    ABSENT = "ABSENT"
    SAME = "SAME"
    OTHER = "OTHER"
    INVALID = "INVALID"


class Note(StrEnum):
    """What made an answer's outcome differ from its code."""

    DATA_CONTRADICTS_CODE = "DATA_CONTRADICTS_CODE"
    NOTHING_NEW = "NOTHING_NEW"
    DATA_MISSING = "DATA_MISSING"
    NEW_NUMBER_INVALID = "NEW_NUMBER_INVALID"
    NEW_BRAND_UNKNOWN = "NEW_BRAND_UNKNOWN"
    TEST_NUMBER = "TEST_NUMBER"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer says, after code and data; and which of its data is to be used."""

    outcome: Outcome
    takes_number: bool = False
    takes_expiry: bool = False
    note: Note | None = None


_TYPES: Final[Mapping[str, frozenset[Brand]]] = {
    "VISA": frozenset({Brand.VISA}),
    "MC": frozenset({Brand.MASTERCARD, Brand.MAESTRO}),
}


def type_contradicts(new_type: str, brand: Brand | None) -> bool:
    """Tell whether a format's word for the new number's brand is wrong about that number.

    `brand` is the number's own, None without one. A word that isn't published says nothing.
    """
    return brand is not None and brand not in _TYPES.get(new_type, frozenset(Brand))


def judge(
    mapped: Outcome,
    *,
    number: Datum,
    brand_differs: bool,
    expiry: Datum,
    brand_unknown: bool = False,
    test_number: bool = False,
    type_differs: bool = False,
) -> Verdict:
    """Let the data confirm or overrule the code (section B, "derive from data as well as code").

    About the new number: `brand_differs` from the old one's; `brand_unknown`: no known brand's;
    `test_number`: a published one, where none belongs; `type_differs`: `type_contradicts`. Data
    beside an outcome that brings none (a closed account's number, say) is ignored.
    """
    if mapped not in BRINGS_EXPIRY:
        return Verdict(mapped)
    refused = _refused(number, brand_unknown=brand_unknown, test_number=test_number)
    if refused is not None:  # whatever else the record says, for it is not to be relied on
        return Verdict(Outcome.REJECTED_INPUT, note=refused)
    contradiction = Note.DATA_CONTRADICTS_CODE
    other_type = type_differs and number is Datum.OTHER
    if mapped is Outcome.CORRECTED:  # a correction may repeat or take back anything: the vault's
        note = contradiction if other_type else None
        return Verdict(mapped, number is not Datum.ABSENT, expiry is not Datum.ABSENT, note)
    if number is Datum.OTHER:
        outcome = Outcome.BRAND_CHANGED if brand_differs else Outcome.PAN_UPDATED
        odd = other_type or mapped is Outcome.EXPIRY_UPDATED or _other_brand(mapped, brand_differs)
        note = contradiction if odd else None
        return Verdict(
            outcome, takes_number=True, takes_expiry=expiry is not Datum.ABSENT, note=note
        )
    if expiry is Datum.OTHER:
        note = None if mapped is Outcome.EXPIRY_UPDATED else contradiction
        return Verdict(Outcome.EXPIRY_UPDATED, takes_expiry=True, note=note)
    if number is Datum.ABSENT and expiry is Datum.ABSENT:
        return Verdict(Outcome.UNKNOWN, note=Note.DATA_MISSING)
    return Verdict(Outcome.VALID_NO_CHANGE, note=Note.NOTHING_NEW)


def _refused(number: Datum, *, brand_unknown: bool, test_number: bool) -> Note | None:
    """Return why a new number is not to be used: the old card stays current."""
    if number is Datum.INVALID:
        return Note.NEW_NUMBER_INVALID
    if number is not Datum.OTHER:
        return None
    if brand_unknown:
        return Note.NEW_BRAND_UNKNOWN
    return Note.TEST_NUMBER if test_number else None


def _other_brand(mapped: Outcome, brand_differs: bool) -> bool:  # noqa: FBT001
    """Tell whether the code speaks of another brand and the number doesn't show one."""
    return mapped is Outcome.BRAND_CHANGED and not brand_differs
