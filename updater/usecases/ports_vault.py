"""What the use cases need of the vault, in the words of the domain."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from cards.pan import Pan
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import Credential


@dataclass(frozen=True, slots=True)
class Revealed:
    """A card's current number and expiry, for the moment of writing a file. Never stored."""

    token: str
    credential_version: int
    number: Pan
    expiry: Expiry | None
    brand: Brand


@dataclass(frozen=True, slots=True)
class NotRevealed:
    """The vault doesn't reveal this card; `reason` is its ErrorReason's name."""

    token: str
    reason: str


@dataclass(frozen=True, slots=True)
class CardUpdate:
    """One answer, as the vault takes it (`CredentialUpdate`). Times are µs, UTC; None: not known.

    It is about a version of a card (`token` and `credential_version`) or, without a token, about a
    `number`. `dry_run`: the vault decides and changes nothing.
    """

    update_id: str
    merchant_account: str
    outcome: Outcome
    new_number: Pan | None
    new_expiry: Expiry | None
    asked_at: int
    channel: str
    feed_id: str
    ordinal: int
    raw_code: str
    token: str = ""
    credential_version: int = 0
    number: Pan | None = None
    event_time: int | None = None
    file_time: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What the vault did with an answer; `reason` only if it rejected it.

    `cards` are the cards that an answer by number was about, each with its own disposition.
    `first` is what a duplicate was when it came for the first time, by card.
    """

    update_id: str
    token: str
    disposition: Disposition
    reason: str = ""
    cards: Sequence[tuple[str, Disposition]] = ()
    first: Mapping[str, Disposition] = field(default_factory=dict)


class Undone(StrEnum):
    """What a revert did with one card, in the vault's words (`RevertDisposition`)."""

    REVERTED = "REVERTED"
    PARTLY_REVERTED = "PARTLY_REVERTED"
    KEPT_NEWER = "KEPT_NEWER"
    KEPT_PURGED = "KEPT_PURGED"
    ALREADY_REVERTED = "ALREADY_REVERTED"
    NOTHING_TO_REVERT = "NOTHING_TO_REVERT"
    GONE = "GONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class RevertedCard:
    """One card of a file that is taken back; in a dry run, what would become of it."""

    token: str
    undone: Undone
    previous_version: int
    credential_version: int


@dataclass(frozen=True, slots=True)
class RevertedPage:
    """Some of a file's cards, in the order of tokens; and answers that were parked, now dropped."""

    cards: Sequence[RevertedCard]
    dropped_parked: int = 0


@dataclass(frozen=True, slots=True)
class MaskedCard:
    """A card as an operator may see it beside an exception."""

    token: str
    brand: Brand
    bin: str
    last4: str
    expiry: Expiry | None
    status: str


@dataclass(frozen=True, slots=True)
class CredentialPage:
    """A part of the stream of credentials, and where to go on after it."""

    credentials: Sequence[Credential]
    cursor: str


class Vault(Protocol):
    """The vault over its API. Every method raises VaultUnavailable or VaultRefused."""

    def credentials(
        self, tenant: str, cursor: str, changed_since: int
    ) -> AsyncIterator[CredentialPage]:
        """Yield the cards that changed at or after a time (µs; 0: all), in the order of tokens.

        It goes on after `cursor`, which belongs to this `changed_since`; empty: from the start. A
        card that changes behind the cursor meanwhile is not shown again.
        """

    async def reveal(self, tenant: str, tokens: Sequence[str]) -> Sequence[Revealed | NotRevealed]:
        """Reveal up to 1,000 cards for an inquiry, in the order given, each on its own."""

    async def apply(self, tenant: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        """Hand over up to 1,000 answers, in order. Deduplicated by (update_id, token)."""

    def revert(
        self, tenant: str, channel: str, feed_id: str, *, request_id: str, dry_run: bool
    ) -> AsyncIterator[RevertedPage]:
        """Take back what a file's answers changed, page by page; repeating it changes no more.

        `request_id`: a UUID, the same when it is repeated.
        """

    async def card(self, tenant: str, token: str) -> MaskedCard | None:
        """Return a card, masked; None if there is none, or the updater may not see it."""
