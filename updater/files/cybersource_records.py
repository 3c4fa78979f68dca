"""`cybersource-au-csv`: what its records hold, and their columns, declared once.

Source: `account-updater.md` section 4.1. Numbers are opaque and unchecked, codes are kept raw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from updater.files.digits import Digits
from updater.files.layout import Alphabet, Field, Record
from updater.files.refusal import Diagnostic

CHANNEL: Final = "cybersource-au-csv"
REQUEST_CLASS: Final = "cybs.au.request.pan"
RESPONSE_CLASS: Final = "cybs.au.response.pan"
MAX_BYTES: Final = 10_000_000  # "≤ 10 MB", read the narrower way

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


class YearMonth(NamedTuple):
    """An expiry as a file gives it: year 2000 to 2099, month 1 to 12."""

    year: int
    month: int


class KnownCode(StrEnum):
    """The response codes of section 4.1."""

    NAN = "NAN"
    NED = "NED"
    ACL = "ACL"
    CCH = "CCH"
    CUR = "CUR"
    NUP = "NUP"
    UNA = "UNA"
    DEC = "DEC"
    ERR = "ERR"


@dataclass(frozen=True, slots=True)
class Code:
    """A response code as it came; one that isn't published is kept, never an error."""

    raw: str

    @property
    def known(self) -> bool:
        """Whether the code is one of section 4.1."""
        return self.raw in KnownCode.__members__

    def __str__(self) -> str:
        return self.raw if self.known else f"UNKNOWN({self.raw})"


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """Who asks: `batch_id` is up to 30 digits and unique for ever."""

    merchant_id: str
    batch_id: str
    status_email: str
    creation_date: date | None = None
    batch_info: str = ""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One card asked about. `reference` comes back with the answer."""

    number: Digits
    expiry: YearMonth | None = None
    reference: str = ""
    sub_merchant: str = ""


@dataclass(frozen=True, slots=True)
class RequestFile:
    """An inquiry file; its header's record count is computed and checked by the codec."""

    header: RequestHeader
    records: Sequence[RequestRecord]


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """Which batch is answered."""

    merchant_id: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """One answer. Absent numbers and expiries are None."""

    code: Code
    reason: str = ""
    reference: str = ""
    old_number: Digits | None = None
    old_expiry: YearMonth | None = None
    new_number: Digits | None = None
    new_expiry: YearMonth | None = None
    request_id: str = ""
    sub_merchant: str = ""


@dataclass(frozen=True, slots=True)
class ResponseFile:
    """An answer file. `offsets` are where each record starts; `count` is the trailer's, if any."""

    header: ResponseHeader
    records: Sequence[ResponseRecord]
    count: int | None
    offsets: Sequence[int] = ()
    diagnostics: Sequence[Diagnostic] = ()
