"""Which of two pieces of knowledge about a card is newer, and whether they are about one thing.

An answer is about the version that was asked about. Against a cardholder's own change the version
decides, wherever in between that change lies; against a network's, only like is compared with
like: the time of the event with the time of the event, else file with file, else asked with asked,
and inside one file the lineage (account-updater.md, section 5.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Final, NamedTuple

from vault.domain.card import Card, Cause, Status, Version
from vault.domain.intents import ApplyUpdate
from vault.usecases.decide.line import known_since, line_of

MOST_HOPS: Final = 8
"""Numbers in a row that one file may bring to one card (section 5.4, rule 6)."""


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
    current: bool = False  # what was asked about is what the card has


def lineage_of(card: Card, versions: Sequence[Version], asked: int) -> Lineage:
    """Follow a card from the version asked about to its current one.

    A version on the way that has been purged ends the lineage: nobody knows who made it. So does
    one that was undone: an answer about it is about nothing.
    """
    if asked == card.credential_version:
        return Lineage(followed=True, same_number=True, current=True)
    line = line_of(card, versions, asked)
    if not line or asked not in line[0].numbers:
        return Lineage(followed=False, same_number=False)
    later = line[1:]
    return Lineage(
        followed=all(step.cause == Cause.NETWORK for step in later),
        same_number=line[0].fingerprint == card.fingerprint,
        later=tuple((step.fingerprint, step.expiry) for step in later),
        current=not later,
    )


def asked_now(card: Card, versions: Sequence[Version], intent: ApplyUpdate) -> ApplyUpdate:
    """Return an answer by the current version's number where it is about that one's contents.

    It is, under an older number, where all that came since was undone.
    """
    if not lineage_of(card, versions, intent.asked_version).current:
        return intent
    return replace(intent, asked_version=card.credential_version)


class History(NamedTuple):
    """How networks alone brought a card to its current version, as far back as is known."""

    brought: bool  # the answer that made the current version brought its number
    before: frozenset[str]  # the fingerprints that the card had on the way
    sources: tuple[str, ...]  # of the answers that brought a number, newest first

    def hops_from(self, intent: ApplyUpdate) -> int:
        """Count the numbers in a row, up to the current one, that this answer's file brought."""
        if not intent.file:
            return 0
        others = [at for at, source in enumerate(self.sources) if source != intent.source_name]
        return others[0] if others else len(self.sources)


def history_of(card: Card, versions: Sequence[Version]) -> History:
    """Follow a card back from its current version to the last one that no network made."""
    line = line_of(card, versions, known_since(card, versions))
    before: set[str] = set()
    sources: list[str] = []
    brought = False
    for former, step in zip(line[-2::-1], line[::-1], strict=False):
        if step.cause != Cause.NETWORK:
            break
        if former.fingerprint != step.fingerprint:
            brought = brought or step is line[-1]
            before.add(former.fingerprint)
            sources.append(step.source)
    return History(brought, frozenset(before), tuple(sources))


def age_of(
    card: Card, intent: ApplyUpdate, *, goes_back: bool = False, follows: bool = False
) -> Age:
    """Compare an answer with the card's current version and its last network answer.

    `goes_back`: to a number that the card had; then only times count, never the order in a file, or
    else A to B and B to A would chase each other. `follows`: whatever its times are, the answer can
    only come behind the one that made the current version; it then goes nowhere back.
    """
    current_asked = intent.asked_version == card.credential_version
    if not current_asked and card.version_cause not in {Cause.NETWORK, Cause.REVERTED}:
        return Age.OLDER
    if not any(card.times):  # no network has spoken about this version yet
        return Age.NEWER if current_asked else Age.OLDER
    if current_asked and not goes_back and (follows or _follows_in_its_file(card, intent)):
        return Age.NEWER
    for held, sent in zip(card.times, intent.times, strict=True):
        if held and sent:
            if held == sent:
                break
            return Age.NEWER if sent > held else Age.OLDER
    else:
        return Age.NEWER if current_asked and not goes_back else Age.TIED
    return Age.TIED


def _follows_in_its_file(card: Card, intent: ApplyUpdate) -> bool:
    """Tell whether an earlier row of the same file made the version that this one is about.

    Only while nothing has been said about that version: the status is what the row left.
    """
    same_file = bool(intent.file) and card.version_source == intent.source_name
    return same_file and card.version_cause == Cause.NETWORK and card.status == Status.ACTIVE
