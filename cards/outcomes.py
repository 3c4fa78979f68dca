"""What an account updater's answer says: one vocabulary for all networks and channels.

Source: account-updater.md section B. The mapping from a channel's codes is the updater's; what an
outcome does to a card is the vault's. Both share these names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What became of a card, or why nobody can say."""

    PAN_UPDATED = "PAN_UPDATED"
    """A replacement number of the same brand; the expiry may come along or be blank."""
    EXPIRY_UPDATED = "EXPIRY_UPDATED"
    """The same number with another expiry."""
    BRAND_CHANGED = "BRAND_CHANGED"
    """A replacement number of another brand."""
    CORRECTED = "CORRECTED"
    """The issuer takes back an earlier update and gives the right number or expiry."""
    CLOSED = "CLOSED"
    """The account is closed and has no replacement."""
    CONTACT_CARDHOLDER = "CONTACT_CARDHOLDER"
    """The issuer wants the cardholder to be asked."""
    CLOSED_OR_CONTACT = "CLOSED_OR_CONTACT"
    """One code for both, as Mastercard has it; the tenant's policy decides."""
    OPTED_OUT = "OPTED_OUT"
    """The cardholder doesn't want updates; the card itself stays usable."""
    STOP_RECURRING = "STOP_RECURRING"
    """The cardholder stopped recurring payments at this merchant."""
    VALID_NO_CHANGE = "VALID_NO_CHANGE"
    """Number and expiry are what the issuer has."""
    NO_MATCH = "NO_MATCH"
    """The issuer takes part but doesn't know the number."""
    NOT_PARTICIPATING = "NOT_PARTICIPATING"
    """The issuer doesn't take part."""
    UPDATE_EXPIRED = "UPDATE_EXPIRED"
    """There is newer data, but it has itself expired; it isn't handed out."""
    UNSUPPORTED = "UNSUPPORTED"
    """The channel doesn't serve this network, region or kind of payment."""
    REJECTED_INPUT = "REJECTED_INPUT"
    """The record was refused: number, expiry or token malformed."""
    REJECTED_MERCHANT = "REJECTED_MERCHANT"
    """The merchant or segment isn't enrolled, or is blocked."""
    REJECTED_DUPLICATE = "REJECTED_DUPLICATE"
    """Asked already, in this file or too recently."""
    CHANNEL_ERROR = "CHANNEL_ERROR"
    """The channel failed; ask again later."""
    UNANSWERED = "UNANSWERED"
    """No row came before the inquiry's time ran out; a late one still applies."""
    UNKNOWN = "UNKNOWN"
    """A code that the mapping doesn't know; kept raw, for an operator."""


BRINGS_NUMBER: Final = frozenset({Outcome.PAN_UPDATED, Outcome.BRAND_CHANGED, Outcome.CORRECTED})
"""Outcomes that may carry a new number; a number beside any other is not to be used."""

BRINGS_EXPIRY: Final = BRINGS_NUMBER | {Outcome.EXPIRY_UPDATED}
"""Outcomes that may carry a new expiry."""

ENDS_OR_PAUSES: Final = frozenset(
    {Outcome.CLOSED, Outcome.CONTACT_CARDHOLDER, Outcome.CLOSED_OR_CONTACT}
)
"""Outcomes after which the card can't simply be billed again."""

HOLDS: Final = frozenset({Outcome.OPTED_OUT, Outcome.STOP_RECURRING})
"""Outcomes that place a hold for one merchant account and change nothing else."""

CONFIRMS_NOTHING_NEW: Final = frozenset(
    {
        Outcome.VALID_NO_CHANGE,
        Outcome.NO_MATCH,
        Outcome.NOT_PARTICIPATING,
        Outcome.UPDATE_EXPIRED,
    }
)
"""Outcomes that leave the card as it is and count as checked."""

ANSWERS: Final = BRINGS_EXPIRY | ENDS_OR_PAUSES | HOLDS | CONFIRMS_NOTHING_NEW
"""Outcomes in which a network spoke about the card: it counts as checked (section 5.1)."""

COULD_NOT_ASK: Final = frozenset(
    {
        Outcome.UNSUPPORTED,
        Outcome.REJECTED_INPUT,
        Outcome.REJECTED_MERCHANT,
        Outcome.REJECTED_DUPLICATE,
        Outcome.CHANNEL_ERROR,
    }
)
"""Outcomes in which the question never reached an issuer: the card doesn't count as checked."""

SAYS_NOTHING: Final = frozenset({Outcome.UNANSWERED, Outcome.UNKNOWN})
"""Outcomes that can't be read as an answer: the card doesn't count as checked."""
