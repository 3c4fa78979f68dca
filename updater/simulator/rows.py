"""Say what a record of a response says, whatever the format it is written in."""

from enum import StrEnum
from typing import Final

from updater.simulator.ledger import Expiry
from updater.simulator.request import Question


class Says(StrEnum):
    """Name what one record tells; a format spells it with a code of its own."""

    CURRENT = "CURRENT"
    NEW_NUMBER = "NEW_NUMBER"  # of the same brand or another
    NEW_EXPIRY = "NEW_EXPIRY"
    CLOSED = "CLOSED"
    CONTACT = "CONTACT"
    CLOSED_OR_CONTACT = "CLOSED_OR_CONTACT"  # Mastercard has one code for both
    NO_MATCH = "NO_MATCH"
    UNAVAILABLE = "UNAVAILABLE"
    OPTED_OUT = "OPTED_OUT"
    CORRECTED = "CORRECTED"  # replaces what was said before
    REFUSED = "REFUSED"  # turned away before a network was asked; the reason says why
    UNPUBLISHED = "UNPUBLISHED"  # a code that is in no document


CLOSINGS: Final = frozenset({Says.CLOSED, Says.CLOSED_OR_CONTACT})
NEWS: Final = CLOSINGS | {
    Says.NEW_NUMBER,
    Says.NEW_EXPIRY,
    Says.CONTACT,
    Says.OPTED_OUT,
    Says.CORRECTED,
}


class Row:
    """Hold one record to write. Card numbers are in it: the repr shows only what it says."""

    __slots__ = (
        "expiry",
        "new",
        "old",
        "old_month",
        "old_year",
        "question",
        "reason",
        "says",
        "sent_before",
        "step",
    )

    def __init__(
        self,
        question: Question,
        says: Says,
        *,
        new: str = "",
        expiry: Expiry | None = None,
        reason: str = "",
        step: int = 0,
    ) -> None:
        """`step` tells rows about one question apart: 0 for the first, or only, one."""
        self.question = question
        self.says = says
        self.old, self.old_month, self.old_year = question.number, question.month, question.year
        self.new = new
        self.expiry = expiry
        self.reason = reason
        self.step = step
        self.sent_before = False

    def about(self, number: str, expiry: Expiry | None) -> "Row":
        """Make the row tell of another number than the one asked about; return it."""
        self.old = number
        self.old_month, self.old_year = two_digits(expiry)
        return self

    def again(self) -> "Row":
        """Return a copy that says it was sent before."""
        row = Row(
            self.question,
            self.says,
            new=self.new,
            expiry=self.expiry,
            reason=self.reason,
            step=self.step,
        )
        row.old, row.old_month, row.old_year = self.old, self.old_month, self.old_year
        row.sent_before = True
        return row

    def __repr__(self) -> str:
        return f"<Row {self.says}>"


def two_digits(expiry: Expiry | None) -> tuple[str, str]:
    """Return month and year with two digits each, or two empty texts."""
    return ("", "") if expiry is None else (f"{expiry.month:02}", f"{expiry.year % 100:02}")
