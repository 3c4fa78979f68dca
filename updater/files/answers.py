"""What every format's file says, in one shape: answers with their head, and questions with theirs.

A codec translates form, never sense: codes are raw, numbers unchecked, absent things None or "".
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from cards.brands import Brand
from updater.files.digits import Digits

VISA: Final = "V"
MASTERCARD: Final = "M"
DISCOVER: Final = "D"


class YearMonth(NamedTuple):
    """An expiry as a file gives it: year 2000 to 2099, month 1 to 12."""

    year: int
    month: int


@dataclass(frozen=True, slots=True, repr=False)
class AnswerRecord:
    """One record with data about a card.

    `ordinal` counts the file's data records from 1; `offset` is where the record starts in the
    plain file, in bytes. `network` says whose vocabulary the codes are: "V", "M", "D", or "" where
    the format has one of its own. `code` and `reason` are as they came; `known` is False for a
    pair that isn't published for the format. `merchant_id` is "" where only the head has it.
    `new_type` is what the format says of the new number's brand, as it says it. `extra` is what
    is left (a request id, a source): it counts for the record's identity and for nothing else.
    """

    ordinal: int
    offset: int
    network: str
    code: str
    reason: str
    known: bool
    reference: str
    merchant_id: str
    old_number: Digits | None
    old_expiry: YearMonth | None
    new_number: Digits | None
    new_expiry: YearMonth | None
    new_type: str
    previously_sent: bool | None
    extra: str


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What an answer file says of itself; "" or None where its format has no such thing.

    `part` tells this file from the others of its batch. `file_time` is when it was made, µs UTC.
    `network` and `segment` (the acquirer's id at the network) are as in RequestHead.
    """

    merchant_id: str
    batch: str
    part: str
    file_time: int | None
    network: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class AskRecord:
    """One question to write. `reference` is lost in a format that carries none."""

    reference: str
    number: Digits
    expiry: YearMonth | None
    brand: Brand
    sub_merchant: str = ""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Who asks, and as what. A format leaves out what it has no place for.

    `batch` is digits, as many as the codec says; `created` is µs UTC. `network` is "V", "M" or
    "D" for a format with one network a file. `segment` is the acquirer's id at that network, and
    `sequence` (0 to 9999) tells the files of one day apart: both `gp-bigbatch-80`.
    """

    merchant_id: str
    batch: str
    status_email: str = ""
    created: int = 0
    network: str = ""
    segment: str = ""
    sequence: int = 0
    terminal_id: str = ""
    vendor_id: str = ""
    application_id: str = ""
    info: str = ""
