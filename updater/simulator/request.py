"""Hold a request as it was sent: questions about cards, none of which has been judged yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from updater.simulator.errors import RejectReason, RequestRejected


class Question:
    """Hold one record with a question, as sent. `echo` is what the format repeats in answers."""

    __slots__ = ("echo", "month", "number", "ordinal", "reference", "sub_merchant", "year")

    def __init__(
        self,
        ordinal: int,
        number: str,
        month: str,
        year: str,
        *,
        reference: str = "",
        sub_merchant: str = "",
        echo: str = "",
    ) -> None:
        self.ordinal = ordinal
        self.number = number
        self.month = month
        self.year = year
        self.reference = reference
        self.sub_merchant = sub_merchant
        self.echo = echo

    def __repr__(self) -> str:
        return f"<Question {self.ordinal}>"


@dataclass(frozen=True, slots=True)
class RequestFile:
    """Hold a parsed request. `batch` is the header's; `network` is empty where files mix brands.

    `frame` is what of header and trailer a response repeats, in the format's own order.
    """

    merchant: str
    batch: str
    questions: Sequence[Question]
    network: str = ""
    frame: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """Hold an accepted request: the ids of its file name, which are for ever, and when it came."""

    merchant: str
    batch: str
    came: datetime
    request: RequestFile

    @property
    def identity(self) -> str:
        """Return what every drawn decision about this request depends on, beside the seed."""
        return f"{self.merchant} {self.batch}"


def text_lines(content: bytes, max_bytes: int) -> list[str]:
    """Split a file into lines ended by LF or CRLF; the last line end may be missing.

    Raises RequestRejected if it is too large or not ASCII.
    """
    if len(content) > max_bytes:
        raise RequestRejected(RejectReason.TOO_LARGE)
    if not content.isascii():
        first = next(index for index, byte in enumerate(content) if byte > 127)
        raise RequestRejected(RejectReason.BAD_STRUCTURE, 1 + content[:first].count(b"\n"))
    lines = content.decode("ascii").replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines
