"""Why a card is or isn't asked about, which channel would ask, and when it will."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from updater.domain.enrolment import AskingPolicy, Enrolment, NotAsked, due_at, why_not_asked
from updater.domain.errors import EnrollmentNotFound
from updater.usecases.channel import Channel, asker
from updater.usecases.ports import Clock
from updater.usecases.ports_store import EnrolmentStore, PauseStore


@dataclass(frozen=True, slots=True)
class Explanation:
    """How it is with a card. `not_asked` is None if it is asked about at the next opportunity.

    `channel` is empty where none serves the card. `next_time` is µs, UTC; None: now, or not as
    things are.
    """

    card: Enrolment
    not_asked: NotAsked | None
    channel: str = ""
    next_time: int | None = None


@dataclass(frozen=True, slots=True)
class Explain:
    """Explain single cards, with the very rules by which cards are chosen."""

    channels: Sequence[Channel]
    enrolments: EnrolmentStore
    pauses: PauseStore
    clock: Clock

    async def __call__(self, tenant: str, token: str, account: str) -> Explanation:
        """Explain a card's enrolment. Raises EnrollmentNotFound."""
        card = await self.enrolments.get(tenant, token, account)
        if card is None:
            raise EnrollmentNotFound("the card is not enrolled for this merchant account")
        paused = await self.pauses.paused()
        return explained(card, self.channels, paused, self.clock.now_us())


def explained(
    card: Enrolment,
    channels: Sequence[Channel],
    paused: Collection[tuple[str, str]],
    now: int,
) -> Explanation:
    """Explain a card as things are: what would be chosen at `now` has no reason not to be."""
    working = _asker(card, channels, paused)
    channel = working or _asker(card, channels, ())
    if channel is None:
        return Explanation(card, _unserved(card))
    reason = why_not_asked(card, channel.policy, now)
    if working is None and reason is None:
        return Explanation(card, NotAsked.PAUSED, channel.name)
    # While everything rests, time brings nothing.
    at = None if working is None or reason is None else due_at(card, channel.policy, now)
    return Explanation(card, reason, channel.name, at)


def _asker(
    card: Enrolment, channels: Sequence[Channel], paused: Collection[tuple[str, str]]
) -> Channel | None:
    return asker(
        channels, paused, tenant=card.tenant, account=card.merchant_account, brand=card.brand
    )


def _unserved(card: Enrolment) -> NotAsked:
    """Return what else stands in the way of a card that no channel serves, or just that."""
    reason = why_not_asked(card, AskingPolicy(brands=()), now=0)
    return NotAsked.BRAND_NOT_SERVED if reason is None else reason
