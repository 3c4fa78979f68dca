"""Write an Account Updater response (`cybs.au.response.pan`), account-updater.md section 4.1."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from updater.simulator.request import Question, RequestFile

CLASSIFICATION: Final = "cybs.au.response.pan"


class AnswerRow:
    """Hold one D record of a response. Card numbers are in it: the repr shows only the code."""

    __slots__ = ("fields",)

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields: Final = fields

    @property
    def code(self) -> str:
        """Return the response code."""
        return self.fields[10]

    @property
    def new_number(self) -> str:
        """Return the new number, or nothing."""
        return self.fields[5]

    def with_new_number(self, number: str) -> "AnswerRow":
        """Return the row with another new number; for faults."""
        return AnswerRow((*self.fields[:5], number, *self.fields[6:]))

    def __repr__(self) -> str:
        return f"<AnswerRow {self.code}>"


def answer_row(
    identifier: str, question: Question, new: tuple[str, str, str], code: str, reason: str
) -> AnswerRow:
    """Build the answer to `question`; `new` is the new number, month and year, each maybe empty."""
    old = (question.number, question.month, question.year)
    echoed = (question.reference, question.sub_merchant)
    return AnswerRow(("D", identifier, *old, *new, *echoed, code, reason))


def request_id(seed: int, request: RequestFile, ordinal: int) -> str:
    """Return the 22-digit id of one record, made of batch and position, not of the card."""
    label = f"request id {request.merchant} {request.batch} {ordinal}".encode()
    mac = hmac.digest(b"%d" % seed, label, hashlib.sha256)
    return str(int.from_bytes(mac[:16]) % 10**22).rjust(22, "0")


def render(request: RequestFile, rows: Sequence[AnswerRow], *, count: int | None = None) -> bytes:
    """Return the file's bytes: H, D…, F and the number of D records, or `count` in its stead."""
    lines = [
        ",".join(("H", CLASSIFICATION, request.merchant, request.batch)),
        *(",".join(row.fields) for row in rows),
        f"F,{len(rows) if count is None else count}",
    ]
    return "".join(f"{line}\n" for line in lines).encode("ascii")
