"""What callers may ask for over the API: enrolments, and an inquiry now."""

from collections.abc import Mapping
from dataclasses import dataclass

from updater.domain.enrolment import Enrolment
from updater.domain.errors import (
    CardNotFound,
    ChannelUnknown,
    EnrollmentNotFound,
    NotCovered,
    NothingToAsk,
)
from updater.domain.inquiry import Inquiry
from updater.usecases.choose import ChooseCards, Wish
from updater.usecases.passes import Passes
from updater.usecases.ports import Clock
from updater.usecases.ports_store import EnrolmentStore, InquiryStore, RequestMark


@dataclass(frozen=True, slots=True)
class Desk:
    """Serve single requests. Each is safe to retry with the same request id."""

    choose: Mapping[str, ChooseCards]
    """The choice of cards by channel."""
    passes: Passes
    enrolments: EnrolmentStore
    inquiries: InquiryStore
    clock: Clock

    async def enroll(
        self, tenant: str, token: str, account: str, *, mark: RequestMark
    ) -> Enrolment:
        """Enrol a card, if its consent stands at the vault. Raises what the API documents."""
        await self.passes.recent(tenant)
        card = await self.enrolments.get(tenant, token, account)
        if card is None or not card.covered:  # its consent may be newer than that pass
            await self.passes.fresh(tenant)
            card = await self.enrolments.get(tenant, token, account)
        if card is None or not card.covered:
            if await self.enrolments.knows(tenant, token):
                raise NotCovered("no consent stands for this card and merchant account")
            raise CardNotFound("the tenant has no such card")
        return await self._set(card, mark, enrolled=True)

    async def unenroll(
        self, tenant: str, token: str, account: str, *, mark: RequestMark
    ) -> Enrolment:
        """End an enrolment. Raises EnrollmentNotFound, RequestIdReused."""
        return await self._set(await self.enrolment(tenant, token, account), mark, enrolled=False)

    async def enrolment(self, tenant: str, token: str, account: str) -> Enrolment:
        """Return one enrolment. Raises EnrollmentNotFound."""
        found = await self.enrolments.get(tenant, token, account)
        if found is None:
            raise EnrollmentNotFound("the card is not enrolled for this merchant account")
        return found

    async def inquire(self, tenant: str, channel: str, wish: Wish) -> Inquiry:
        """Open an inquiry of a channel for what is due; it is written and sent right after.

        Of a channel that rests, or after which another one asks, nothing is due.

        Raises ChannelUnknown, NothingToAsk, RequestIdReused, VaultUnavailable.
        """
        choose = self.choose.get(channel)
        if choose is None:
            raise ChannelUnknown("no channel of this name is configured")
        if wish.mark is not None and (before := await self.inquiries.by_request(wish.mark)):
            return before
        await self.passes.recent(tenant)
        opened = await choose(tenant, wish)
        if opened:
            return opened[0]
        # This very request may have come to another process, too, and have been opened there.
        if wish.mark is not None and (before := await self.inquiries.by_request(wish.mark)):
            return before
        raise NothingToAsk("no card is due")

    async def _set(self, card: Enrolment, mark: RequestMark, *, enrolled: bool) -> Enrolment:
        key = (card.tenant, card.token, card.merchant_account)
        now = self.clock.now_us()
        await self.enrolments.set_enrolled(key, enrolled=enrolled, at=now, mark=mark)
        return await self.enrolment(*key)
