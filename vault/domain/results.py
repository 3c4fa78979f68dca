"""What an applied entry answers."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from vault.domain.card import Card
from vault.domain.contents import Contents
from vault.domain.reasons import Reason


class TokenizeResult(NamedTuple):
    """A stored or found card, and how it differs from what was sent."""

    card: Card
    created: bool
    differs: tuple[str, ...]


class CardResult(NamedTuple):
    """A card after a change."""

    card: Card


class Revealed(NamedTuple):
    """A card in the clear: exists between the audit commit and the reply, nowhere else."""

    card: Card
    contents: Contents
    credential_version: int

    def __repr__(self) -> str:
        return "<Revealed>"


class Found(NamedTuple):
    """A token that holds (`current`) or held a number, and the newest version that did."""

    token: str
    current: bool
    credential_version: int
    status: str
    kind: str


class FoundNumber(NamedTuple):
    """The tokens of one number, sorted; `cut` where there may be more."""

    found: tuple[Found, ...]
    cut: bool = False


class Disposition(StrEnum):
    """What the vault did with an updater's answer (`api.md`, CredentialService)."""

    APPLIED = "APPLIED"
    NO_CHANGE = "NO_CHANGE"
    DUPLICATE = "DUPLICATE"
    STALE = "STALE"
    PARKED = "PARKED"
    CONFLICT = "CONFLICT"
    NOT_FOUND = "NOT_FOUND"
    REJECTED = "REJECTED"


class UpdateResult(NamedTuple):
    """The disposition of one answer; `card` as it is now, None where there is none."""

    disposition: Disposition
    card: Card | None
    why: str = ""
    reason: Reason = Reason.INVALID_UPDATE  # only with REJECTED, as is the field
    field: str = ""
    previous_version: int = 0  # current before the answer, 0 without a card


class NumberUpdateResult(NamedTuple):
    """The disposition of one answer by number: of several cards the one that matters most."""

    disposition: Disposition
    cards: tuple[UpdateResult, ...] = ()  # of every card it was about, in order of their tokens
    why: str = ""
    reason: Reason = Reason.INVALID_UPDATE  # only with REJECTED, as is the field
    field: str = ""


class RevertDisposition(StrEnum):
    """What the vault did to undo what answers had done to a card (`update.proto`)."""

    REVERTED = "REVERTED"
    PARTLY_REVERTED = "PARTLY_REVERTED"
    KEPT_NEWER = "KEPT_NEWER"
    KEPT_PURGED = "KEPT_PURGED"
    ALREADY_REVERTED = "ALREADY_REVERTED"
    NOTHING_TO_REVERT = "NOTHING_TO_REVERT"
    GONE = "GONE"
    FAILED = "FAILED"


class RevertResult(NamedTuple):
    """What became of one card; `card` as it is now, or would be."""

    disposition: RevertDisposition
    card: Card
    previous_version: int
