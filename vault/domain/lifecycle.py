"""The arrows between statuses, as one table each for people and for networks.

Source: `api.md`, "Lifecycle". A transition that is not listed leaves the card as it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cards.outcomes import Outcome
from vault.domain.card import Status

A, N, C = Status.ACTIVE, Status.NEEDS_CARDHOLDER, Status.CLOSED


class News(StrEnum):
    """What a network's answer means for a card's status."""

    NUMBER = "NUMBER"
    EXPIRY = "EXPIRY"
    CLOSED = "CLOSED"
    CONTACT = "CONTACT"
    NOTHING = "NOTHING"


NEWS: Final = {
    Outcome.PAN_UPDATED: News.NUMBER,
    Outcome.BRAND_CHANGED: News.NUMBER,
    Outcome.CORRECTED: News.NUMBER,
    Outcome.EXPIRY_UPDATED: News.EXPIRY,
    Outcome.CLOSED: News.CLOSED,
    Outcome.CONTACT_CARDHOLDER: News.CONTACT,
    Outcome.CLOSED_OR_CONTACT: News.CONTACT,
}

NETWORK: Final = {
    (A, News.NUMBER): A,
    (A, News.EXPIRY): A,
    (A, News.CLOSED): C,
    (A, News.CONTACT): N,
    (N, News.NUMBER): A,
    (N, News.EXPIRY): A,
    (N, News.CLOSED): C,
    (N, News.CONTACT): N,
    (C, News.NUMBER): A,  # reopened: closed and then reissued does happen
    (C, News.EXPIRY): C,
    (C, News.CLOSED): C,
    (C, News.CONTACT): C,
}


def after_network(status: Status, news: News) -> Status:
    """Return the status after a network's answer that is newer than what the card knows."""
    return NETWORK.get((status, news), status)


def after_cardholder(status: Status, *, new_number: bool, new_expiry: bool) -> Status:
    """Return the status after the cardholder's own change; only a new number reopens CLOSED."""
    if new_number or (new_expiry and status is N):
        return A
    return status


# What an operator may set by hand. DELETED has calls of its own.
OPERATOR: Final = frozenset({(A, N), (A, C), (N, A), (N, C), (C, A), (C, N)})


def operator_may(before: Status, after: Status) -> bool:
    """Tell whether SetCardStatus may make this step; staying as it is always may."""
    return before is after or (before, after) in OPERATOR
