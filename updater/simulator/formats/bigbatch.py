"""`gp-bigbatch-80`: account-updater.md section 4.4, with the networks' codes as they are."""

import re
from typing import Final

from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.formats.fixed import MAX_BYTES, Questions, check_all, expiry_parts, matched
from updater.simulator.formats.format import Head, Trailer, miscounted, part
from updater.simulator.ledger import Outcome
from updater.simulator.request import Question, RequestFile, text_lines
from updater.simulator.rows import Row, Says, two_digits
from updater.simulator.screening import BAD_CHECK_DIGIT, BAD_EXPIRY, BAD_NUMBER

VISA: Final = "V"
MASTERCARD: Final = "M"
DISCOVER: Final = "D"

_FH: Final = re.compile(r"FH  [0-9]{12}[0-9]{4} ([VMD ])([0-9A-Z]{6})([0-9]{4}) {8}(.{32}).{8}")
_TH: Final = re.compile(r"TH(.{19}).{10}.{15}.{27} {7}")
_DI: Final = re.compile(r"DI393000.{15}(?:DI|MC|VI).{19}.{4}.{20} {12}")
_TT: Final = re.compile(r"TT(.{19}) {3}0{36} {20}")  # zeros in account updater files
_FT: Final = re.compile(r"FT {6}([0-9]{4})([0-9]{10}) {58}")

_FRAME_RECORDS: Final = 4
_BRANDS: Final = {
    VISA: frozenset({"visa"}),
    MASTERCARD: frozenset({"mastercard", "maestro"}),
    DISCOVER: frozenset({"discover", "diners"}),
}
_LETTERS: Final = {
    Says.NEW_NUMBER: "A",
    Says.NEW_EXPIRY: "E",
    Says.CLOSED: "C",
    Says.CONTACT: "Q",
    Says.NO_MATCH: "P",
    Says.UNAVAILABLE: "N",
    Says.OPTED_OUT: "O",
    Says.UNPUBLISHED: "Z",
}
_CODES: Final = {
    VISA: {**_LETTERS, Says.CURRENT: "V"},
    DISCOVER: {**_LETTERS, Says.CURRENT: "N", Says.CORRECTED: "O", Says.REFUSED: " "},
    MASTERCARD: {
        Says.CURRENT: "VALID",
        Says.NEW_NUMBER: "UPDATE",
        Says.NEW_EXPIRY: "EXPIRY",
        Says.CLOSED_OR_CONTACT: "CONTAC",
        Says.NO_MATCH: "UNKNWN",
        Says.UNAVAILABLE: "UNKNWN",
        Says.UNPUBLISHED: "ZZZZZZ",
    },
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
    Outcome.OPTED_OUT: Says.OPTED_OUT,
}
_MASTERCARD_ERRORS: Final = {BAD_NUMBER: "000101", BAD_CHECK_DIGIT: "000102", BAD_EXPIRY: "000103"}
_OTHER_MASTERCARD_ERROR: Final = "000105"


class BigBatch:
    """Records of 80 bytes, one network a file, no reference: an answer is known by its number."""

    name: Final = "gp-bigbatch-80"
    request_name: Final = re.compile(
        r"(?P<merchant>[A-Za-z0-9_-]{1,15})\.(?P<batch>[0-9]{1,30})\.gp\.request\.txt\.pgp"
    )
    max_bytes: Final = MAX_BYTES
    expiry_required: Final = False
    has_file_time: Final = True
    wrong_trailers: Final = tuple(each for each in Trailer if each is not Trailer.RIGHT)

    def parse(self, content: bytes) -> RequestFile:
        """Parse FH, TH, DI…, TT, FT, each of 80 bytes. The count is of all records."""
        lines = text_lines(content, MAX_BYTES)
        head = matched(lines, 0, _FH)
        flag, segment, batch, customer = head.groups()
        if flag == " ":
            raise RequestRejected(RejectReason.WRONG_CLASSIFICATION, 1)
        if len(lines) < _FRAME_RECORDS:
            raise RequestRejected(RejectReason.BAD_STRUCTURE, len(lines))
        terminal = matched(lines, 1, _TH)
        details = lines[2:-2]
        check_all(details, _DI, first=3)
        foot, end = matched(lines, -2, _TT), matched(lines, -1, _FT)
        if foot[1] != terminal[1]:
            raise RequestRejected(RejectReason.BAD_STRUCTURE, len(lines) - 1)
        if end[1] != batch:
            raise RequestRejected(RejectReason.BAD_STRUCTURE, len(lines))
        if int(end[2]) != len(lines):
            raise RequestRejected(RejectReason.COUNT_MISMATCH, len(lines))
        merchants = {line[8:23] for line in details}
        if len(merchants) > 1:
            raise RequestRejected(RejectReason.BAD_STRUCTURE, 3)
        merchant = merchants.pop() if merchants else ""
        frame = (segment, customer, lines[1], lines[-2])
        return RequestFile(merchant, batch, Questions(details, _question), flag, frame)

    def belongs(self, request: RequestFile, merchant: str, batch: str) -> bool:
        """Compare the records' merchant id with the file name's.

        The header's Big Batch id has four digits, so it says nothing about the name's.
        """
        del batch
        padded = merchant.ljust(15) if request.network == VISA else merchant.rjust(15, "0")
        return request.merchant in {"", padded}

    def brands(self, request: RequestFile) -> frozenset[str]:
        """Return the brands of the network that the file is for."""
        return _BRANDS[request.network]

    def says(
        self, outcome: Outcome, request: RequestFile, brand: str, *, opt_outs: bool
    ) -> Says | None:
        """Tell what the network has a code for.

        An opt-out arrives as no match: at Visa unless the acquirer can take it, elsewhere always.
        """
        del brand
        says = _SAYS[outcome]
        if request.network == MASTERCARD:
            if says in {Says.CLOSED, Says.CONTACT}:
                return Says.CLOSED_OR_CONTACT
            return Says.NO_MATCH if says is Says.OPTED_OUT else says
        if request.network == DISCOVER:
            none = {Says.NO_MATCH, Says.UNAVAILABLE, Says.OPTED_OUT}
            return Says.CURRENT if says in none else says
        return Says.NO_MATCH if says is Says.OPTED_OUT and not opt_outs else says

    def refuses(self, request: RequestFile) -> bool:
        """Answer screened-out questions, but for Visa, which lists them in a report of its own."""
        return request.network != VISA

    def corrects(self, request: RequestFile) -> bool:
        """Tell whether this is Discover's, which has O for it."""
        return request.network == DISCOVER

    def record(self, seed: int, case_identity: str, request: RequestFile, row: Row) -> str:
        """Return a DI response record."""
        del seed, case_identity
        network, says, new = request.network, row.says, row.new
        old_expiry = (row.old_year + row.old_month).ljust(4)
        month, year = two_digits(row.expiry)
        new_expiry = year + month
        if says is Says.CURRENT and network == VISA:  # a validation: number and expiry echoed
            new, new_expiry = row.old, old_expiry
        if says is Says.NEW_EXPIRY and network == MASTERCARD:  # its issuers repeat the number
            new = row.old
        letter, reason, before = " ", "", "Y" if row.sent_before else "N"
        if network == MASTERCARD:
            reason, before = self.code(request, row), " "
        elif says is Says.REFUSED:
            reason = self.code(request, row)
        else:
            letter = _CODES[network][says]
        return (
            f"{row.question.echo}{row.old:19}{old_expiry}{new:19}{new_expiry:4}"
            f"{letter}{before}{reason:6} "
        )

    def code(self, request: RequestFile, row: Row) -> str:
        """Return the service id, the reason identifier, or the error code."""
        if row.says is not Says.REFUSED:
            return _CODES[request.network][row.says]
        if request.network == MASTERCARD:
            return _MASTERCARD_ERRORS.get(row.reason, _OTHER_MASTERCARD_ERROR)
        return "16" if row.reason == BAD_EXPIRY else "15"

    def opening(self, request: RequestFile, head: Head) -> list[str]:
        """Return FH, with a time and sequence of its own, and TH as it was asked."""
        segment, customer, terminal, _ = request.frame
        made = f"{head.created:%y%m%d%H%M%S}{head.sequence:04}"
        header = f"FH  {made} {request.network}{segment}{request.batch}{'':8}{customer}{'':8}"
        return [header, terminal]

    def closing(self, request: RequestFile, count: int, trailer: Trailer) -> list[str]:
        """Return TT as it was asked, and FT shaped as responses have it: id and count 6 earlier."""
        total = count if trailer is Trailer.OTHER_BASIS else count + _FRAME_RECORDS
        counted = f"{request.batch}{miscounted(total, trailer):010}"
        if trailer is Trailer.REQUEST_SHAPED:
            return [request.frame[3], f"FT{'':6}{counted}{'':58}"]
        return [request.frame[3], f"FT{counted}{'0' * 54}{'':10}"]

    def response_name(self, merchant: str, batch: str, number: int, mark: str = "") -> str:
        """Return `<merchant>.<batch>.gp.response.N[.mark].txt.pgp`."""
        return f"{merchant}.{batch}.gp.response.{number}{part(1, mark)}.txt.pgp"

    def reject_name(self, merchant: str, batch: str) -> str:
        """Return `<merchant>.<batch>.gp.reject.txt.pgp`."""
        return f"{merchant}.{batch}.gp.reject.txt.pgp"


def _question(ordinal: int, line: str) -> Question:
    month, year = expiry_parts(line[44:48])
    return Question(ordinal, line[25:44].rstrip(" "), month, year, echo=line[:25])
