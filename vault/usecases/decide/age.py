"""Which of two pieces of knowledge about a card is newer.

An answer is about the version that was asked about. Against a cardholder's own change the version
decides; against a network's, only like is compared with like: the time of the event with the time
of the event, else file with file, else asked with asked (account-updater.md, section 5.4).
"""

from __future__ import annotations

from enum import Enum, auto

from vault.domain.card import Card, Cause
from vault.domain.intents import ApplyUpdate


class Age(Enum):
    """How an answer stands to what the card says now."""

    NEWER = auto()
    TIED = auto()
    OLDER = auto()


def age_of(card: Card, intent: ApplyUpdate) -> Age:
    """Compare an answer with the card's current version and its last network answer."""
    current_asked = intent.asked_version == card.credential_version
    if not current_asked and card.version_cause != Cause.NETWORK:
        return Age.OLDER
    if not any(card.times):  # no network has spoken about this version yet
        return Age.NEWER if current_asked else Age.OLDER
    for held, sent in zip(card.times, intent.times, strict=True):
        if held and sent:
            if held == sent:
                break
            return Age.NEWER if sent > held else Age.OLDER
    else:
        return Age.NEWER if current_asked else Age.TIED
    return Age.TIED
