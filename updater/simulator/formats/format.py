"""What a format has to know: how requests are read, and how answers are spelled and framed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from updater.simulator.ledger import Outcome
from updater.simulator.request import RequestFile
from updater.simulator.rows import Row, Says


class Trailer(StrEnum):
    """Say how a file ends, and how wrongly."""

    RIGHT = "RIGHT"
    MORE = "MORE"  # counts one record more
    FEWER = "FEWER"  # counts one record less
    OTHER_BASIS = "OTHER_BASIS"  # counts what the format does not: headers, or details alone
    MISSING = "MISSING"
    DOUBLED = "DOUBLED"
    EARLY = "EARLY"  # before the records
    REQUEST_SHAPED = "REQUEST_SHAPED"  # laid out as in a request, where the two differ


@dataclass(frozen=True, slots=True)
class Head:
    """Hold what makes one response file of a batch different from the others."""

    created: datetime
    sequence: int


class Format(Protocol):
    """Read requests and spell answers. Pure: the same arguments give the same text."""

    @property
    def name(self) -> str:
        """Return the format's name, e.g. `gp-bigbatch-80`."""

    @property
    def request_name(self) -> re.Pattern[str]:
        """Return what a request file's name matches whole; groups `merchant` and `batch`."""

    @property
    def max_bytes(self) -> int:
        """Return the size of the largest file, in plain text."""

    @property
    def expiry_required(self) -> bool:
        """Tell whether a question without an expiry is refused."""

    @property
    def has_file_time(self) -> bool:
        """Tell whether a response says when it was made."""

    @property
    def wrong_trailers(self) -> Sequence[Trailer]:
        """Return the ways a trailer can be wrong."""

    def parse(self, content: bytes) -> RequestFile:
        """Read a request. Raises RequestRejected for anything that spoils the whole file."""

    def belongs(self, request: RequestFile, merchant: str, batch: str) -> bool:
        """Tell whether a request's content is of the merchant and batch of its file name."""

    def brands(self, request: RequestFile) -> frozenset[str]:
        """Return the brands that a request's cards may have."""

    def says(
        self, outcome: Outcome, request: RequestFile, brand: str, *, opt_outs: bool
    ) -> Says | None:
        """Return what the format tells of an outcome; None: such a card is left out.

        `opt_outs`: the acquirer has told Visa that it can take opt-outs.
        """

    def refuses(self, request: RequestFile) -> bool:
        """Tell whether screened-out questions are answered; else they are left out."""

    def corrects(self, request: RequestFile) -> bool:
        """Tell whether answers to this request can be corrected later."""

    def record(self, seed: int, case_identity: str, request: RequestFile, row: Row) -> str:
        """Return one record's text, without a line end."""

    def code(self, request: RequestFile, row: Row) -> str:
        """Return the code in a record, as it is counted."""

    def opening(self, request: RequestFile, head: Head) -> list[str]:
        """Return the lines before the records."""

    def closing(self, request: RequestFile, count: int, trailer: Trailer) -> list[str]:
        """Return the lines after `count` records; RIGHT, MORE, FEWER and shapes matter here."""

    def response_name(self, merchant: str, batch: str, number: int, mark: str = "") -> str:
        """Return the name of a batch's response file `number`, from 1; a mark tells copies."""

    def reject_name(self, merchant: str, batch: str) -> str:
        """Return the name of the file that turns a request away."""


def miscounted(count: int, trailer: Trailer) -> int:
    """Return the count that a trailer states: one more, one less, or the right one."""
    return count + {Trailer.MORE: 1, Trailer.FEWER: -1}.get(trailer, 0)


def part(number: int, mark: str) -> str:
    """Return what follows `response` in a name: `.2`, `.dup`, `.2.dup`; nothing for the first."""
    return (f".{number}" if number > 1 else "") + (f".{mark}" if mark else "")
