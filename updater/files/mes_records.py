"""`mes-aus-124`: its records, declared once.

Source: `account-updater.md` section 4.4b. Lines differ in length by record and by direction. The
header and trailer of answers aren't published: they are read as those of requests.
"""

from typing import Final

from updater.files.fixed import FixedRecord, card, constant, number, text

CHANNEL: Final = "mes-aus-124"
MAX_BYTES: Final = 100_000_000
MOST_QUESTIONS: Final = 750_000  # an answer has 126 bytes; the trailer could count 999,999

HEADER: Final = FixedRecord(
    "H1",
    40,
    constant(1, "H1"),
    number("version", 3, 8, "100000"),
    text("merchant_id", 9, 40, required=True),
)
REQUEST_DETAIL: Final = FixedRecord(
    "D1 request",
    74,
    constant(1, "D1"),
    text("type", 3, 6, "VISA or MC", required=True),
    card("number", 7, 38, "card number; gateway card ids are not used", required=True),
    number("expiry", 39, 42, "YYMM; 0000 or spaces: not known", blank=True),
    text("reference", 43, 74, "discretionary data, echoed"),
)
RESPONSE_DETAIL: Final = FixedRecord(
    "D1 response",
    124,
    constant(1, "D1"),
    text("old_type", 3, 6, "brand asked about"),
    card("old_number", 7, 38, "card number asked about, 19 digits at most", required=True),
    number("old_expiry", 39, 42, "YYMM; month 00 or spaces: absent", blank=True),
    text("new_type", 43, 46, "brand of the new number"),
    card("new_number", 47, 78, "new card number, 19 digits at most; kept whatever the code"),
    number("new_expiry", 79, 82, "YYMM; month 00 or spaces: absent", blank=True),
    text("code", 83, 90, "response code", required=True),
    text("source", 91, 92, "response source"),
    text("reference", 93, 124, "discretionary data of the question"),
)
TRAILER: Final = FixedRecord(
    "T1", 8, constant(1, "T1"), number("record_count", 3, 8, "details only")
)

VERSION: Final = "100000"
NUMBER_DIGITS: Final = 19
PUBLISHED: Final = frozenset({"NEWACCT", "NEWEXP", "CLOSED", "CALL"})
"""The codes of section 4.4b; it says that there are others."""
