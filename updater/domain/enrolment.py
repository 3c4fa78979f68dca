"""Which cards are asked about, and why the others aren't."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from cards.brands import Brand
from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition


class CardStatus(StrEnum):
    """The vault's statuses."""

    ACTIVE = "ACTIVE"
    NEEDS_CARDHOLDER = "NEEDS_CARDHOLDER"
    CLOSED = "CLOSED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Credential:
    """A card as `StreamCredentials` shows it: no number.

    `fingerprint` is empty where the updater may not see it; `expiry` is yyyymm or None;
    `covered` and `opted_out` name merchant accounts.
    """

    token: str
    revision: int
    credential_version: int
    fpan: bool
    status: CardStatus
    brand: Brand
    fingerprint: str = ""
    expiry: int | None = None
    covered: frozenset[str] = frozenset()
    opted_out: frozenset[str] = frozenset()


class EnrolmentState(StrEnum):
    """Whether an enrolled card is asked about: SUSPENDED ends by itself, ENDED does not."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One card at one merchant account, as the updater keeps it. Times are µs, UTC.

    `enrolled` is what was wanted, `covered` and `opted_out` what the vault says. `chain` counts
    inquiries that followed directly on new contents, to end a ping-pong between two numbers.
    """

    tenant: str
    token: str
    merchant_account: str
    credential_version: int
    fpan: bool
    status: CardStatus
    brand: Brand
    fingerprint: str = ""
    expiry: int | None = None
    covered: bool = True
    opted_out: bool = False
    enrolled: bool = True
    asked_at: int | None = None
    asked_version: int | None = None
    checked_at: int | None = None
    open_batch: str = ""
    chain: int = 0
    last_outcome: Outcome | None = None
    last_disposition: Disposition | None = None
    created_at: int = 0
    updated_at: int = 0

    @property
    def state(self) -> EnrolmentState:
        """Whether the card is asked about when its time comes."""
        if not self.enrolled or self.status is CardStatus.DELETED:
            return EnrolmentState.ENDED
        stands = self.fpan and self.status is CardStatus.ACTIVE
        stands = stands and self.covered and not self.opted_out
        return EnrolmentState.ACTIVE if stands else EnrolmentState.SUSPENDED


class NotAsked(StrEnum):
    """Why a card isn't asked about now."""

    NOT_AN_ACTIVE_FPAN = "NOT_AN_ACTIVE_FPAN"
    NOT_COVERED = "NOT_COVERED"
    OPTED_OUT = "OPTED_OUT"
    ENDED = "ENDED"
    BRAND_NOT_SERVED = "BRAND_NOT_SERVED"
    ANSWER_AWAITED = "ANSWER_AWAITED"
    ASKED_RECENTLY = "ASKED_RECENTLY"
    NOT_DUE = "NOT_DUE"
    PAUSED = "PAUSED"
    """Every channel that would ask rests: an operator's decision, not one of the card's."""


@dataclass(frozen=True, slots=True)
class AskingPolicy:
    """When to ask: sections 1.9, 5.2 and 5.4 of `account-updater.md`.

    The same contents aren't asked about twice within `not_again_within`; a card is checked every
    `every`; new contents that a network gave us are asked about at once, `chain_cap` times.
    """

    brands: Collection[Brand] = field(
        default=frozenset({Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER})
    )
    every: timedelta = timedelta(days=28)
    not_again_within: timedelta = timedelta(days=7)
    chain_cap: int = 8


def why_not_asked(card: Enrolment, policy: AskingPolicy, now: int) -> NotAsked | None:
    """Return why a card isn't to be asked about at `now`, or None if it is."""
    if (standing := _standing(card, policy)) is not None:
        return standing
    if card.open_batch:
        return NotAsked.ANSWER_AWAITED
    if card.asked_at is None:
        return None
    new_contents = card.asked_version != card.credential_version
    if new_contents and card.chain < policy.chain_cap:
        return None
    age = now - card.asked_at
    if age < _us(policy.not_again_within):
        return NotAsked.ASKED_RECENTLY
    # What was refused or stayed unanswered isn't checked: ask again as soon as it may be asked.
    checked = card.checked_at is not None and card.checked_at >= card.asked_at
    return NotAsked.NOT_DUE if checked and age < _us(policy.every) else None


def due_at(card: Enrolment, policy: AskingPolicy, now: int) -> int | None:
    """Return when a card is to be asked about, if nothing changes; `now` if it is already.

    None where time alone doesn't bring it.
    """
    asked = now if card.asked_at is None else card.asked_at
    later = (asked + _us(policy.not_again_within), asked + _us(policy.every))
    times = (now, *sorted(at for at in later if at > now))
    return next((at for at in times if why_not_asked(card, policy, at) is None), None)


def _standing(card: Enrolment, policy: AskingPolicy) -> NotAsked | None:
    if not card.enrolled:
        return NotAsked.ENDED
    if not card.fpan or card.status is not CardStatus.ACTIVE:
        return NotAsked.NOT_AN_ACTIVE_FPAN
    if not card.covered:
        return NotAsked.NOT_COVERED
    if card.opted_out:
        return NotAsked.OPTED_OUT
    return None if card.brand in policy.brands else NotAsked.BRAND_NOT_SERVED


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
