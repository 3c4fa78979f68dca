"""`cybersource-au-csv`: account-updater.md section 4.1."""

import hashlib
import hmac
import re
from typing import Final

from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.formats.format import Head, Trailer, miscounted, part
from updater.simulator.ledger import Outcome
from updater.simulator.request import Question, RequestFile, text_lines
from updater.simulator.rows import Row, Says, two_digits

REQUEST: Final = "cybs.au.request.pan"
RESPONSE: Final = "cybs.au.response.pan"
MAX_BYTES: Final = 10_000_000
NETWORK_ANSWER: Final = "800"

_BRANDS: Final = frozenset({"visa", "mastercard", "amex", "discover"})
_HEADER_WIDTHS: Final = (1, 30, 30, 30, 30, 100, 10, 50)
_HEADER_REQUIRED: Final = 6  # creation date and batch information may be left out
# The number and the date are judged one by one (DEC), so here they only have to be bounded.
_DETAIL_WIDTHS: Final = (1, 100, 100, 100, 50, 10)
_DETAIL_REQUIRED: Final = 4  # merchant reference and sub merchant may be left out

_CODES: Final = {
    Says.CURRENT: "CUR",
    Says.NEW_NUMBER: "NAN",
    Says.NEW_EXPIRY: "NED",
    Says.CLOSED: "ACL",
    Says.CONTACT: "CCH",
    Says.NO_MATCH: "NUP",
    Says.UNAVAILABLE: "UNA",
    Says.OPTED_OUT: "DEC",
    Says.REFUSED: "DEC",
    Says.UNPUBLISHED: "ZZZ",
}
_SAYS: Final = {
    Outcome.CURRENT: Says.CURRENT,
    Outcome.NEW_NUMBER: Says.NEW_NUMBER,
    Outcome.BRAND_CHANGE: Says.NEW_NUMBER,
    Outcome.NEW_EXPIRY: Says.NEW_EXPIRY,
    Outcome.CLOSED: Says.CLOSED,
    Outcome.CONTACT: Says.CONTACT,
    Outcome.NO_MATCH: Says.NO_MATCH,
    Outcome.UNAVAILABLE: Says.UNAVAILABLE,
}
_AMEX_OPT_OUT: Final = "862"


class CyberSource:
    """Comma-separated records, all brands in one file, a reference echoed in each answer."""

    name: Final = "cybersource-au-csv"
    request_name: Final = re.compile(
        r"(?P<merchant>[A-Za-z0-9_-]{1,30})\.(?P<batch>[0-9]{1,30})\.au\.request\.pan\.csv\.pgp"
    )
    max_bytes: Final = MAX_BYTES
    expiry_required: Final = True
    has_file_time: Final = False
    # Without a count a footer is legal: there is no request shape to mistake.
    wrong_trailers: Final = tuple(
        each for each in Trailer if each not in {Trailer.RIGHT, Trailer.REQUEST_SHAPED}
    )

    def parse(self, content: bytes) -> RequestFile:
        """Parse H, D…, F. Numbers and dates are taken as they are: `screening` judges them."""
        records = [line.split(",") for line in text_lines(content, MAX_BYTES)]
        if not records:
            raise RequestRejected(RejectReason.BAD_STRUCTURE)
        header = _checked(records[0], "H", _HEADER_WIDTHS, _HEADER_REQUIRED, line=1)
        if header[1] != REQUEST:
            raise RequestRejected(RejectReason.WRONG_CLASSIFICATION, 1)
        if not (header[2] and header[3].isdigit() and header[4].isdigit()):
            raise RequestRejected(RejectReason.BAD_STRUCTURE, 1)
        if records[-1] != ["F"]:
            raise RequestRejected(RejectReason.BAD_STRUCTURE, len(records))
        questions = tuple(
            _question(ordinal, fields) for ordinal, fields in enumerate(records[1:-1], start=1)
        )
        if int(header[4]) != len(questions):
            raise RequestRejected(RejectReason.COUNT_MISMATCH, 1)
        return RequestFile(header[2], header[3], questions)

    def belongs(self, request: RequestFile, merchant: str, batch: str) -> bool:
        """Compare the header with the file name."""
        return (request.merchant, request.batch) == (merchant, batch)

    def brands(self, request: RequestFile) -> frozenset[str]:
        """Return what CyberSource takes; any other known brand is DEC 804."""
        del request
        return _BRANDS

    def says(
        self, outcome: Outcome, request: RequestFile, brand: str, *, opt_outs: bool
    ) -> Says | None:
        """Tell everything; an opt-out only of Amex (862), else it arrives as no update."""
        del request, opt_outs
        if outcome is Outcome.OPTED_OUT:
            return Says.OPTED_OUT if brand == "amex" else Says.NO_MATCH
        return _SAYS[outcome]

    def refuses(self, request: RequestFile) -> bool:
        """Answer screened-out questions: DEC 801 to 806."""
        del request
        return True

    def corrects(self, request: RequestFile) -> bool:
        """Never correct: there is no code for it."""
        del request
        return False

    def record(self, seed: int, case_identity: str, request: RequestFile, row: Row) -> str:
        """Return a D record; its request id is made of batch and position, not of the card."""
        del case_identity
        asked = row.question
        month, year = two_digits(row.expiry)
        reason = _AMEX_OPT_OUT if row.says is Says.OPTED_OUT else row.reason or NETWORK_ANSWER
        identifier = _request_id(seed, request, asked.ordinal, row.step)
        return (
            f"D,{identifier},{row.old},{row.old_month},{row.old_year},{row.new},{month},{year},"
            f"{asked.reference},{asked.sub_merchant},{_CODES[row.says]},{reason}"
        )

    def code(self, request: RequestFile, row: Row) -> str:
        """Return the response code."""
        del request
        return _CODES[row.says]

    def opening(self, request: RequestFile, head: Head) -> list[str]:
        """Return the H record. It has no room for a time."""
        del head
        return [f"H,{RESPONSE},{request.merchant},{request.batch}"]

    def closing(self, request: RequestFile, count: int, trailer: Trailer) -> list[str]:
        """Return the F record, which counts D records."""
        del request
        if trailer is Trailer.OTHER_BASIS:
            count += 2  # as if H and F were records, too
        return [f"F,{miscounted(count, trailer)}"]

    def response_name(self, merchant: str, batch: str, number: int, mark: str = "") -> str:
        """Return `<merchant>.<batch>.au.response.pan[.N][.mark].csv.pgp`."""
        return f"{merchant}.{batch}.au.response.pan{part(number, mark)}.csv.pgp"

    def reject_name(self, merchant: str, batch: str) -> str:
        """Return `<merchant>.<batch>.au.reject.txt.pgp`."""
        return f"{merchant}.{batch}.au.reject.txt.pgp"


def _question(ordinal: int, fields: list[str]) -> Question:
    _, number, month, year, reference, sub_merchant = _checked(
        fields, "D", _DETAIL_WIDTHS, _DETAIL_REQUIRED, line=ordinal + 1
    )
    return Question(ordinal, number, month, year, reference=reference, sub_merchant=sub_merchant)


def _checked(
    fields: list[str], kind: str, widths: tuple[int, ...], required: int, *, line: int
) -> list[str]:
    """Return the fields, those left out as empty ones."""
    good = (
        fields[0] == kind
        and required <= len(fields) <= len(widths)
        and all(map(int.__le__, map(len, fields), widths))
        and "".join(fields).isprintable()
    )
    if not good:
        raise RequestRejected(RejectReason.BAD_STRUCTURE, line)
    return fields + [""] * (len(widths) - len(fields))


def _request_id(seed: int, request: RequestFile, ordinal: int, step: int) -> str:
    """Return the 22-digit id of one record."""
    label = f"request id {request.merchant} {request.batch} {ordinal}" + (
        f" {step}" if step else ""
    )
    mac = hmac.digest(b"%d" % seed, label.encode(), hashlib.sha256)
    return str(int.from_bytes(mac[:16]) % 10**22).rjust(22, "0")
