"""`mes-aus-124`: account-updater.md section 4.4b. What that leaves open is chosen in README.md."""

import re
from typing import Final

from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.formats.fixed import MAX_BYTES, Questions, check_all, expiry_parts, matched
from updater.simulator.formats.format import Head, Trailer, miscounted, part
from updater.simulator.ledger import Outcome
from updater.simulator.numbers import brand_of
from updater.simulator.request import Question, RequestFile, text_lines
from updater.simulator.rows import Row, Says, two_digits

_H1: Final = re.compile(r"H1100000(.{32})")
_D1: Final = re.compile(r"D1(?:VISA|MC  |DISC)(.{32})(.{4})(.{32})")
_T1: Final = re.compile(r"T1([0-9]{6})")

_TYPES: Final = {"visa": "VISA", "mastercard": "MC", "discover": "DISC", "amex": "AMEX"}
_SOURCES: Final = {"visa": "VI", "mastercard": "MC", "discover": "DI"}
_CODES: Final = {
    Says.NEW_NUMBER: "NEWACCT",
    Says.NEW_EXPIRY: "NEWEXP",
    Says.CLOSED: "CLOSED",
    Says.CONTACT: "CALL",
    Says.UNPUBLISHED: "OTHER",
}
_SAYS: Final = {
    Outcome.NEW_NUMBER: Says.NEW_NUMBER,
    Outcome.BRAND_CHANGE: Says.NEW_NUMBER,
    Outcome.NEW_EXPIRY: Says.NEW_EXPIRY,
    Outcome.CLOSED: Says.CLOSED,
    Outcome.CONTACT: Says.CONTACT,
}


class Aus:
    """Records of 124 bytes with a reference and both brands; only cards with news are answered."""

    name: Final = "mes-aus-124"
    request_name: Final = re.compile(
        r"(?P<merchant>[A-Za-z0-9_-]{1,32})\.(?P<batch>[0-9]{1,30})\.aus\.request\.txt\.pgp"
    )
    max_bytes: Final = MAX_BYTES
    expiry_required: Final = False
    has_file_time: Final = False
    wrong_trailers: Final = tuple(
        each for each in Trailer if each not in {Trailer.RIGHT, Trailer.REQUEST_SHAPED}
    )

    def parse(self, content: bytes) -> RequestFile:
        """Parse H1, D1…, T1. The count is of D1 records."""
        lines = text_lines(content, MAX_BYTES)
        merchant = matched(lines, 0, _H1)[1].rstrip(" ")
        details = lines[1:-1]
        check_all(details, _D1, first=2)
        if len(lines) < 2:
            raise RequestRejected(RejectReason.BAD_STRUCTURE, 1)
        if int(matched(lines, -1, _T1)[1]) != len(details):
            raise RequestRejected(RejectReason.COUNT_MISMATCH, len(lines))
        return RequestFile(merchant, "", Questions(details, _question), frame=(lines[0],))

    def belongs(self, request: RequestFile, merchant: str, batch: str) -> bool:
        """Compare the merchant with the file name's; the content has no batch id."""
        del batch
        return request.merchant == merchant

    def brands(self, request: RequestFile) -> frozenset[str]:
        """Return the brands that take part."""
        del request
        return frozenset(_SOURCES)

    def says(
        self, outcome: Outcome, request: RequestFile, brand: str, *, opt_outs: bool
    ) -> Says | None:
        """Tell news only: no code is published for anything else, so such cards are left out."""
        del request, brand, opt_outs
        return _SAYS.get(outcome)

    def refuses(self, request: RequestFile) -> bool:
        """Leave screened-out questions out: no code is published for them."""
        del request
        return False

    def corrects(self, request: RequestFile) -> bool:
        """Never correct: there is no code for it."""
        del request
        return False

    def record(self, seed: int, case_identity: str, request: RequestFile, row: Row) -> str:
        """Return a D1 response record. New type and account are blank together."""
        del seed, case_identity, request
        old_brand, new_brand = brand_of(row.old) or "", brand_of(row.new) or ""
        month, year = two_digits(row.expiry)
        return (
            f"D1{_TYPES.get(old_brand, ''):4}{row.old:32}{row.old_year + row.old_month:4}"
            f"{_TYPES.get(new_brand, ''):4}{row.new:32}{year + month:4}{_CODES[row.says]:8}"
            f"{_SOURCES.get(old_brand, ''):2}{row.question.reference:32}"
        )

    def code(self, request: RequestFile, row: Row) -> str:
        """Return the response code."""
        del request
        return _CODES[row.says]

    def opening(self, request: RequestFile, head: Head) -> list[str]:
        """Return H1 as it was asked. It has no room for a time."""
        del head
        return [request.frame[0]]

    def closing(self, request: RequestFile, count: int, trailer: Trailer) -> list[str]:
        """Return T1, which counts D1 records."""
        del request
        if trailer is Trailer.OTHER_BASIS:
            count += 2  # as if H1 and T1 were records, too
        return [f"T1{miscounted(count, trailer):06}"]

    def response_name(self, merchant: str, batch: str, number: int, mark: str = "") -> str:
        """Return `<merchant>.<batch>.aus.response.N[.mark].txt.pgp`."""
        return f"{merchant}.{batch}.aus.response.{number}{part(1, mark)}.txt.pgp"

    def reject_name(self, merchant: str, batch: str) -> str:
        """Return `<merchant>.<batch>.aus.reject.txt.pgp`."""
        return f"{merchant}.{batch}.aus.reject.txt.pgp"


def _question(ordinal: int, line: str) -> Question:
    month, year = expiry_parts(line[38:42])
    number, reference = line[6:38].rstrip(" "), line[42:].rstrip(" ")
    return Question(ordinal, number, month, year, reference=reference)
