"""Choose the cards that a channel asks about, and open inquiries for them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from updater.domain.enrolment import Enrolment, why_not_asked
from updater.domain.feed import ExceptionKind, Incident
from updater.domain.inquiry import (
    AskedCard,
    Inquiry,
    InquiryState,
    Question,
    new_batch_id,
    new_reference,
)
from updater.usecases.channel import Channel, asker
from updater.usecases.headers import wire_batch_of, writable
from updater.usecases.ports import Clock
from updater.usecases.ports_store import (
    EnrolmentStore,
    IncidentStore,
    InquiryStore,
    PauseStore,
    RequestMark,
)

_PAGE: Final = 1_000


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
    """Open a channel's inquiries for the cards of a tenant that are due.

    Of several channels that serve a card the first in configuration order asks (`asker`); while
    its answer is awaited, or fresh, no other does. A channel that rests opens nothing.
    """

    channel: Channel
    channels: Sequence[Channel]
    enrolments: EnrolmentStore
    inquiries: InquiryStore
    incidents: IncidentStore
    pauses: PauseStore
    clock: Clock

    async def __call__(self, tenant: str, wish: Wish = _ALL) -> Sequence[Inquiry]:
        """Return the inquiries that were opened. Raises RequestIdReused."""
        paused = await self.pauses.paused()
        if (self.channel.name, tenant) in paused:
            return ()
        now = self.clock.now_us()
        # Not reading while writing: opening an inquiry changes what the pages would show.
        due = [card async for card in self._due(tenant, wish, paused, now)]
        due.sort(key=self._file_of)  # stable: by token within a file
        opened: list[Inquiry] = []
        for (account, network), group in groupby(due, key=self._file_of):
            blank = self._inquiry(tenant, account, network, now)
            cards = list(group)
            if not (blank.merchant_id and writable(self.channel, blank, cards[0].brand)):
                await self._without_merchant_id(tenant, account, now)
                continue
            questions = _questions(cards)
            for start in range(0, len(questions), self.channel.records_per_file):
                part = questions[start : start + self.channel.records_per_file]
                inquiry = await self._open(blank, part, wish.mark)
                if inquiry is None:
                    continue
                opened.append(inquiry)
                if wish.mark is not None:
                    return opened
        return opened

    def _file_of(self, card: Enrolment) -> tuple[str, str]:
        return card.merchant_account, self.channel.network(card.brand)

    async def _due(
        self, tenant: str, wish: Wish, paused: Mapping[tuple[str, str], object], now: int
    ) -> AsyncIterator[Enrolment]:
        after = (wish.merchant_account, "")
        while page := await self.enrolments.candidates(tenant, after=after, limit=_PAGE):
            for card in page:
                if wish.merchant_account and card.merchant_account != wish.merchant_account:
                    return
                account, brand = card.merchant_account, card.brand
                first = asker(self.channels, paused, tenant=tenant, account=account, brand=brand)
                if first is None or first.name != self.channel.name:
                    continue
                if why_not_asked(card, self.channel.policy, now) is None:
                    yield card
            after = (page[-1].merchant_account, page[-1].token)

    def _inquiry(self, tenant: str, account: str, network: str, now: int) -> Inquiry:
        return Inquiry(
            batch_id="",
            channel=self.channel.name,
            tenant=tenant,
            merchant_account=account,
            merchant_id=self.channel.merchant_id(tenant, account),
            state=InquiryState.CREATED,
            created_at=now,
            network=network,
        )

    async def _open(
        self, blank: Inquiry, questions: Sequence[Question], mark: RequestMark | None
    ) -> Inquiry | None:
        """Open an inquiry, unless another process was faster with all of it."""
        batch_id = new_batch_id(blank.created_at)
        wire_batch = await wire_batch_of(self.channel, batch_id, self.inquiries)
        inquiry = replace(blank, batch_id=batch_id, wire_batch=wire_batch)
        return inquiry if await self.inquiries.create(inquiry, questions, mark) else None

    async def _without_merchant_id(self, tenant: str, account: str, now: int) -> None:
        incident = Incident(
            ExceptionKind.CARD_NOT_ASKED,
            f"{tenant}/{account}/{self.channel.name}",
            "MERCHANT_ID_NEEDED",
            opened_at=now,
            tenant=tenant,
            channel=self.channel.name,
            merchant_account=account,
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
