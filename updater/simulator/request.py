"""Parse an Account Updater request file (`cybs.au.request.pan`), account-updater.md section 4.1."""

from dataclasses import dataclass
from typing import Final

from updater.simulator.errors import RejectReason, RequestRejected

CLASSIFICATION: Final = "cybs.au.request.pan"
MAX_BYTES: Final = 10_000_000

_HEADER_WIDTHS: Final = (1, 30, 30, 30, 30, 100, 10, 50)
_HEADER_REQUIRED: Final = 6  # creation date and batch information may be left out
# The number and the date are judged one by one (DEC), so here they only have to be bounded.
_DETAIL_WIDTHS: Final = (1, 100, 100, 100, 50, 10)
_DETAIL_REQUIRED: Final = 4  # merchant reference and sub merchant may be left out


class Question:
    """Hold one D record as sent: nothing in it has been judged yet."""

    __slots__ = ("month", "number", "ordinal", "reference", "sub_merchant", "year")

    def __init__(self, ordinal: int, fields: list[str]) -> None:
        _, self.number, self.month, self.year, self.reference, self.sub_merchant = fields
        self.ordinal = ordinal

    def __repr__(self) -> str:
        return f"<Question {self.ordinal}>"


@dataclass(frozen=True, slots=True)
class RequestFile:
    """Hold a parsed request."""

    merchant: str
    batch: str
    questions: tuple[Question, ...]


def parse_request(content: bytes) -> RequestFile:
    """Parse H, D…, F with LF or CRLF; the last line end may be missing.

    Raises RequestRejected for anything that spoils the whole file. Card numbers and dates are taken
    as they are: `screening` judges them one by one.
    """
    if len(content) > MAX_BYTES:
        raise RequestRejected(RejectReason.TOO_LARGE)
    if not content.isascii():
        line = 1 + content[: _first_non_ascii(content)].count(b"\n")
        raise RequestRejected(RejectReason.BAD_STRUCTURE, line)
    lines = content.decode("ascii").split("\n")
    if lines[-1] == "":
        lines.pop()
    records = [line.removesuffix("\r").split(",") for line in lines]
    if not records:
        raise RequestRejected(RejectReason.BAD_STRUCTURE)
    header = _checked(records[0], "H", _HEADER_WIDTHS, _HEADER_REQUIRED, line=1)
    if header[1] != CLASSIFICATION:
        raise RequestRejected(RejectReason.WRONG_CLASSIFICATION, 1)
    if not (header[2] and header[3].isdigit() and header[4].isdigit()):
        raise RequestRejected(RejectReason.BAD_STRUCTURE, 1)
    if records[-1] != ["F"]:
        raise RequestRejected(RejectReason.BAD_STRUCTURE, len(records))
    questions = tuple(
        Question(ordinal, _checked(fields, "D", _DETAIL_WIDTHS, _DETAIL_REQUIRED, line=ordinal + 1))
        for ordinal, fields in enumerate(records[1:-1], start=1)
    )
    if int(header[4]) != len(questions):
        raise RequestRejected(RejectReason.COUNT_MISMATCH, 1)
    return RequestFile(header[2], header[3], questions)


def _first_non_ascii(content: bytes) -> int:
    return next(index for index, byte in enumerate(content) if byte > 127)


def _checked(
    fields: list[str], kind: str, widths: tuple[int, ...], required: int, *, line: int
) -> list[str]:
    """Return the fields, those left out as empty ones."""
    good = (
        fields[0] == kind
        and required <= len(fields) <= len(widths)
        and all(len(field) <= width for field, width in zip(fields, widths, strict=False))
        and all(field.isprintable() for field in fields)
    )
    if not good:
        raise RequestRejected(RejectReason.BAD_STRUCTURE, line)
    return fields + [""] * (len(widths) - len(fields))
