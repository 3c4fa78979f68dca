"""`cybersource-au-csv`: what its records hold, and their columns, declared once.

Source: `account-updater.md` section 4.1. Numbers are opaque and unchecked, codes are kept raw.
"""

from collections.abc import Mapping
from typing import Final

from updater.files.layout import Alphabet, Field, Record

CHANNEL: Final = "cybersource-au-csv"
REQUEST_CLASS: Final = "cybs.au.request.pan"
RESPONSE_CLASS: Final = "cybs.au.response.pan"
MAX_BYTES: Final = 10_000_000  # "≤ 10 MB", read the narrower way
MOST_QUESTIONS: Final = 80_000  # an answer about a card of ours has up to 120 bytes
BATCH_DIGITS: Final = 26  # of the 30 that there is room for: what its REST API shows, section 4.2

HEADER_TAG: Final = "H"
DETAIL_TAG: Final = "D"
TRAILER_TAG: Final = "F"

REQUEST_HEADER: Final = Record(
    HEADER_TAG,
    (
        Field("classification", 30, required=True),
        Field("merchant_id", 30, required=True),
        Field("batch_id", 30, Alphabet.DIGITS, required=True),
        Field("record_count", 9, Alphabet.DIGITS, required=True),
        Field("status_email", 100, required=True),
        Field("creation_date", 10, Alphabet.DATE),
        Field("batch_info", 50),
    ),
    optional_columns=2,
)
REQUEST_DETAIL: Final = Record(
    DETAIL_TAG,
    (
        Field("number", 19, Alphabet.DIGITS, required=True),
        Field("month", 2, Alphabet.DIGITS),
        Field("year", 2, Alphabet.DIGITS),
        Field("reference", 50),
        Field("sub_merchant", 10),
    ),
    optional_columns=2,
)
REQUEST_TRAILER: Final = Record(TRAILER_TAG, ())
RESPONSE_HEADER: Final = Record(
    HEADER_TAG,
    (
        Field("classification", 30, required=True),
        Field("merchant_id", 30, required=True),
        Field("batch_id", 30, Alphabet.DIGITS, required=True),
    ),
)
RESPONSE_DETAIL: Final = Record(
    DETAIL_TAG,
    (
        Field("request_id", 30, Alphabet.DIGITS),
        Field("old_number", 19, Alphabet.DIGITS),
        Field("old_month", 2, Alphabet.DIGITS),
        Field("old_year", 2, Alphabet.DIGITS),
        Field("new_number", 19, Alphabet.DIGITS),
        Field("new_month", 2, Alphabet.DIGITS),
        Field("new_year", 2, Alphabet.DIGITS),
        Field("reference", 50),
        Field("sub_merchant", 10),
        Field("code", 3, required=True),
        Field("reason", 3, Alphabet.DIGITS),
    ),
)
# The footer's tail isn't public: a second field is the count of details, more are let pass.
RESPONSE_TRAILER: Final = Record(
    TRAILER_TAG,
    (Field("record_count", 9, Alphabet.DIGITS),),
    optional_columns=1,
    extra_columns=8,
)


_CARD_ANSWERS: Final = ("NAN", "NED", "ACL", "CCH", "CUR", "NUP", "UNA")
_REASONS: Final[Mapping[str, tuple[int, ...]]] = {
    "DEC": (801, 802, 803, 804, 805, 806, 810, 850, 851, 852, 853, 861, 862),
    "ERR": (801, 802, 803, 804, 806, 807, 808, 809, 811),
}
PUBLISHED: Final = frozenset(
    {(code, reason) for code in _CARD_ANSWERS for reason in ("800", "")}
    | {(code, str(reason)) for code, reasons in _REASONS.items() for reason in reasons}
)
"""(code, reason) of section 4.1, ERR 806 of section B; 800 says nothing and may be left out."""
