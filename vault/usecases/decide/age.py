"""Which of two pieces of knowledge about a card is newer, and whether they are about one thing.

An answer is about the version that was asked about. Against a cardholder's own change the version
decides, wherever in between that change lies; against a network's, only like is compared with
like: the time of the event with the time of the event, else file with file, else asked with asked,
and inside one file the lineage (account-updater.md, section 5.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from vault.domain.card import Card, Cause, Status, Version
from vault.domain.intents import ApplyUpdate


class Age(Enum):
    """How an answer stands to what the card says now."""

    NEWER = auto()
    TIED = auto()
    OLDER = auto()


class Lineage(NamedTuple):
    """How the version that was asked about stands to the current one."""

    followed: bool  # networks alone made every version since
    same_number: bool  # the number that was asked about is still the card's
    later: tuple[tuple[str, int], ...] = ()  # fingerprint and expiry of each version since


def lineage_of(card: Card, versions: Sequence[Version], asked: int) -> Lineage:
    """Follow a card from the version asked about to its current one.

    A version on the way that has been purged ends the lineage: nobody knows who made it.
    """
    if asked == card.credential_version:
        return Lineage(followed=True, same_number=True)
    known = {version.credential_version: version for version in versions}
    way = [known[number] for number in range(asked, card.credential_version) if number in known]
    if len(way) != card.credential_version - asked:
        return Lineage(followed=False, same_number=False)
    causes = {version.cause for version in way[1:]} | {card.version_cause}
    later = [(version.fingerprint, version.expiry) for version in way[1:]]
    return Lineage(
        followed=causes == {Cause.NETWORK.value},
        same_number=way[0].fingerprint == card.fingerprint,
        later=(*later, (card.fingerprint, card.expiry)),
    )


def age_of(card: Card, intent: ApplyUpdate) -> Age:
    """Compare an answer with the card's current version and its last network answer."""
    current_asked = intent.asked_version == card.credential_version
    if not current_asked and card.version_cause != Cause.NETWORK:
        return Age.OLDER
    if not any(card.times):  # no network has spoken about this version yet
        return Age.NEWER if current_asked else Age.OLDER
    if current_asked and _follows_in_its_file(card, intent):
        return Age.NEWER
    for held, sent in zip(card.times, intent.times, strict=True):
        if held and sent:
            if held == sent:
                break
            return Age.NEWER if sent > held else Age.OLDER
    else:
        return Age.NEWER if current_asked else Age.TIED
    return Age.TIED


def _follows_in_its_file(card: Card, intent: ApplyUpdate) -> bool:
    """Tell whether an earlier row of the same file made the version that this one is about.

    Only while nothing has been said about that version: the status is what the row left.
    """
    same_file = bool(intent.file) and card.version_source == intent.source_name
    return same_file and card.version_cause == Cause.NETWORK and card.status == Status.ACTIVE
