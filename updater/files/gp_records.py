"""`gp-bigbatch-80`: its records, declared once.

Source: `account-updater.md` section 4.4. Every record has 80 characters, both ways; what sets the
ways apart is the detail's second half and where the file trailer has its batch id and its count.
"""

from typing import Final

from updater.files.answers import DISCOVER, MASTERCARD, VISA
from updater.files.fixed import FixedRecord, card, choice, constant, number, spaces, text

CHANNEL: Final = "gp-bigbatch-80"
LENGTH: Final = 80
MAX_BYTES: Final = 100_000_000
MOST_QUESTIONS: Final = 1_000_000  # both ways 82 bytes each
BATCH_DIGITS: Final = 4
MERCHANT: Final = 15

ROUTING: Final = {VISA: "VI", MASTERCARD: "MC", DISCOVER: "DI"}

FILE_HEADER: Final = FixedRecord(
    "FH",
    LENGTH,
    constant(1, "FH"),
    spaces(3, 4),
    number("created", 5, 16, "when the file was made, YYMMDDHHMMSS, taken as UTC"),
    number("sequence", 17, 20, "tells the files of one day apart"),
    spaces(21, 21),
    choice("network", 22, "VMD ", "whose cards: Visa, Mastercard, Discover; a space: no AU file"),
    number("segment", 23, 28, "Visa segment, Mastercard member or Discover acquirer id"),
    number("batch_id", 29, 32, "Big Batch id"),
    spaces(33, 40),
    text("customer", 41, 72, "customer defined; not used"),
    text("reserved", 73, 80, "reserved"),
)
TERMINAL_HEADER: Final = FixedRecord(
    "TH",
    LENGTH,
    constant(1, "TH"),
    text("terminal_id", 3, 21),
    text("vendor_id", 22, 31),
    text("application_id", 32, 46),
    text("customer", 47, 73, "customer defined; not used"),
    spaces(74, 80),
)
_ECHOED: Final = (
    constant(1, "DI"),
    constant(3, "393000", "processing code"),
    text("merchant_id", 9, 23, "Visa as it is; Mastercard and Discover zero-filled", required=True),
    text("routing", 24, 25, "VI, MC or DI: the file header's network", required=True),
)
REQUEST_DETAIL: Final = FixedRecord(
    "DI request",
    LENGTH,
    *_ECHOED,
    card("number", 26, 44, "card number", required=True),
    number("expiry", 45, 48, "YYMM; 0000 or spaces: not known", blank=True),
    text("sub_merchant", 49, 68, "sub-merchant name"),
    spaces(69, 80),
)
RESPONSE_DETAIL: Final = FixedRecord(
    "DI response",
    LENGTH,
    *_ECHOED,
    card("old_number", 26, 44, "card number asked about", required=True),
    number("old_expiry", 45, 48, "YYMM; month 00 or spaces: absent", blank=True),
    card("new_number", 49, 67, "new card number; kept whatever the code"),
    number("new_expiry", 68, 71, "YYMM; month 00 or spaces: absent", blank=True),
    text("service_id", 72, 72, "Visa service id, Discover reason code; a space at Mastercard"),
    choice("previously_sent", 73, "YN ", "the same was sent to this acquirer before"),
    text("reason_id", 74, 79, "Mastercard reason identifier; Discover error code"),
    spaces(80, 80),
)
REQUEST_TERMINAL_TRAILER: Final = FixedRecord(
    "TT request",
    LENGTH,
    constant(1, "TT"),
    text("terminal_id", 3, 21),
    spaces(22, 24),
    number("purchase_count", 25, 30, "zero in AU files"),
    number("purchase_amount", 31, 42, "zero in AU files"),
    number("return_count", 43, 48, "zero in AU files"),
    number("return_amount", 49, 60, "zero in AU files"),
    spaces(61, 80),
)
RESPONSE_TERMINAL_TRAILER: Final = FixedRecord(
    "TT response",
    LENGTH,
    constant(1, "TT"),
    text("terminal_id", 3, 21),
    text("rest", 22, 80, "not published for answers, so not looked at"),
)
REQUEST_FILE_TRAILER: Final = FixedRecord(
    "FT request",
    LENGTH,
    constant(1, "FT"),
    spaces(3, 8),
    number("batch_id", 9, 12, "the file header's"),
    number("record_count", 13, 22, "all records, all headers and trailers included"),
    spaces(23, 80),
)
RESPONSE_FILE_TRAILER: Final = FixedRecord(
    "FT response",
    LENGTH,
    constant(1, "FT"),
    number("batch_id", 3, 6, "the file header's: six places to the left of a request's"),
    number("record_count", 7, 16, "all records, all headers and trailers included"),
    number("approved_count", 17, 22, blank=True),
    number("approved_amount", 23, 34, blank=True),
    number("declined_count", 35, 40, blank=True),
    number("declined_amount", 41, 52, blank=True),
    number("referred_count", 53, 58, blank=True),
    number("referred_amount", 59, 70, blank=True),
    spaces(71, 80),
)

_MASTERCARD: Final = (
    *("UPDATE", "EXPIRY", "CONTAC", "VALID", "UNKNWN"),
    *("000101", "000102", "000103", "000104", "000105", "000122"),
)
_DISCOVER: Final = tuple("ACENOQ")
_DISCOVER_ERRORS: Final = tuple(f"{error:02}" for error in range(9, 28))

PUBLISHED: Final = {
    VISA: frozenset((letter, "") for letter in "ACENOPQV"),
    MASTERCARD: frozenset((reason, "") for reason in _MASTERCARD),
    DISCOVER: frozenset(
        {(letter, "") for letter in _DISCOVER}
        | {(letter, error) for letter in ("", *_DISCOVER) for error in _DISCOVER_ERRORS}
    ),
}
"""(code, reason) by network, from sections 4.4, 1.1, 2.1 and 3. An error stands alone, or beside
the reason code of the record that it is about."""
