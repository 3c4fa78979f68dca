"""Choose the cards to ask about, and open an inquiry for them."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from updater.domain.enrolment import AskingPolicy, Enrolment, why_not_asked
from updater.domain.feed import ExceptionKind, Incident
from updater.domain.inquiry import (
    AskedCard,
    Inquiry,
    InquiryState,
    Question,
    new_batch_id,
    new_reference,
)
from updater.usecases.ports import (
    Clock,
    EnrolmentStore,
    IncidentStore,
    InquiryStore,
    RequestMark,
)

_PAGE: Final = 1_000
_MERCHANT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,29}")
"""What fits the column and, without dots, the part of a file's name that dots delimit."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How this deployment uses one channel.

    `merchant_ids` maps (tenant, merchant account) to the acquirer's merchant id; an account
    without an entry goes by its own name. `records_per_file` keeps files under 10 MB.
    """

    name: str
    policy: AskingPolicy
    merchant_ids: dict[tuple[str, str], str]
    status_email: str
    records_per_file: int = 50_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What an inquiry is wanted for: everything that is due, unless it says less.

    With `mark` (a caller's request) there is one file at most.
    """

    merchant_account: str = ""
    mark: RequestMark | None = None


_ALL: Final = Wish()


@dataclass(frozen=True, slots=True)
class ChooseCards:
    """Open inquiries for the cards of a tenant that are due. A card is in one open inquiry only."""

    channel: Channel
    enrolments: EnrolmentStore
    inquiries: InquiryStore
    incidents: IncidentStore
    clock: Clock

    async def __call__(self, tenant: str, wish: Wish = _ALL) -> Sequence[Inquiry]:
        """Return the inquiries that were opened. Raises RequestIdReused."""
        now = self.clock.now_us()
        opened: list[Inquiry] = []
        # Not reading while writing: opening an inquiry changes what the pages would show.
        due = [card async for card in self._due(tenant, wish, now)]
        for account, cards in groupby(due, key=lambda card: card.merchant_account):
            merchant_id = self.channel.merchant_ids.get((tenant, account), account)
            if _MERCHANT_ID.fullmatch(merchant_id) is None:
                await self._without_merchant_id(tenant, account, now)
                continue
            questions = _questions(list(cards))
            for start in range(0, len(questions), self.channel.records_per_file):
                inquiry = Inquiry(
                    batch_id=new_batch_id(now),
                    channel=self.channel.name,
                    tenant=tenant,
                    merchant_account=account,
                    merchant_id=merchant_id,
                    state=InquiryState.CREATED,
                    created_at=now,
                )
                part = questions[start : start + self.channel.records_per_file]
                await self.inquiries.create(inquiry, part, wish.mark)
                opened.append(inquiry)
                if wish.mark is not None:
                    return opened
        return opened

    async def _due(self, tenant: str, wish: Wish, now: int) -> AsyncIterator[Enrolment]:
        after = (wish.merchant_account, "")
        while page := await self.enrolments.candidates(tenant, after=after, limit=_PAGE):
            for card in page:
                if wish.merchant_account and card.merchant_account != wish.merchant_account:
                    return
                if why_not_asked(card, self.channel.policy, now) is None:
                    yield card
            after = (page[-1].merchant_account, page[-1].token)

    async def _without_merchant_id(self, tenant: str, account: str, now: int) -> None:
        incident = Incident(
            ExceptionKind.CARD_NOT_ASKED,
            f"{tenant}/{account}",
            "MERCHANT_ID_NEEDED",
            opened_at=now,
        )
        await self.incidents.open(incident)


def _questions(cards: Sequence[Enrolment]) -> Sequence[Question]:
    """One question for all cards with one number and expiry: it is billed once."""
    questions: dict[tuple[object, ...], Question] = {}
    for card in cards:
        same = (card.fingerprint, card.expiry) if card.fingerprint else (card.token,)
        asked = AskedCard(card.token, card.credential_version)
        known = questions.get(same)
        questions[same] = (
            Question(new_reference(), [asked])
            if known is None
            else replace(known, cards=[*known.cards, asked])
        )
    return list(questions.values())
