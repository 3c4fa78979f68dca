"""What became of an answer: the vault's decision, or the updater's not to send it."""

from enum import StrEnum
from typing import Final

from cards.outcomes import COULD_NOT_ASK, SAYS_NOTHING


class Disposition(StrEnum):
    """The vault's dispositions (api.md, `CredentialService`), and one of the updater's own."""

    APPLIED = "APPLIED"
    NO_CHANGE = "NO_CHANGE"
    DUPLICATE = "DUPLICATE"
    STALE = "STALE"
    PARKED = "PARKED"
    CONFLICT = "CONFLICT"
    NOT_FOUND = "NOT_FOUND"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"
    """The answer says nothing about the card: it is for an operator, and the vault isn't asked."""


NEVER_SENT: Final = COULD_NOT_ASK | SAYS_NOTHING
"""Outcomes about the question, not about the card: no credential changes, nothing was checked."""


class NotSent(StrEnum):
    """Why an answer wasn't brought to the vault, where its note or outcome doesn't say it."""

    REPEATED_ROW = "REPEATED_ROW"
    """Another row, of this file or an earlier one of its batch, says the same of the same."""
    ANSWERED_TWICE = "ANSWERED_TWICE"
    """Another row of this file says something else of the same: neither of them is an answer."""
    NO_NUMBER = "NO_NUMBER"
    """Nobody asked for it, and it names no card number that could be one."""


FOR_AN_OPERATOR: Final = frozenset({Disposition.CONFLICT, Disposition.REJECTED})
"""Dispositions that open an exception, as do the outcomes in NEVER_SENT."""
