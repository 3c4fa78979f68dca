"""A channel's whole cycle: choose, write, send, poll, apply, expire; and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.domain.feed import Counted, ExceptionKind, Incident
from updater.domain.inquiry import Inquiry, InquiryState
from updater.files.refusal import RecordInvalid
from updater.usecases.channel import Channel
from updater.usecases.choose import ChooseCards
from updater.usecases.poll import Poll
from updater.usecases.ports import Clock
from updater.usecases.ports_exchange import Exchange
from updater.usecases.ports_store import FeedStore, IncidentStore, InquiryStore, PauseStore
from updater.usecases.report import CycleReport
from updater.usecases.send import SendInquiry, WriteInquiry
from updater.usecases.take_in import Taken, TakenIn

NOT_WRITABLE: Final = "NOT_WRITABLE"
"""The reason of an inquiry that its format has no room for."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """Run every step of one channel, for every tenant. A step that fails leaves others to go on."""

    channel: Channel
    tenants: Sequence[str]
    choose: ChooseCards
    write: WriteInquiry
    send: SendInquiry
    poll: Poll
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    pauses: PauseStore
    exchange: Exchange
    clock: Clock
    choosing: asyncio.Lock
    """Held while cards are chosen, by whoever does: none is chosen twice at a time."""
    answer_timeout: timedelta = timedelta(days=10)
    keep_files: timedelta = timedelta(days=30)
    refused: set[str] = field(default_factory=set)
    """Inquiries that could not be written, nor can be at once: left to a later `dispatch`."""

    async def ask(self) -> CycleReport:
        """Choose for each tenant, then write and send what is open."""
        for tenant in self.tenants:
            async with self.choosing:
                await self.choose(tenant)
        return await self.dispatch()

    async def dispatch(self) -> CycleReport:
        """Write and send every inquiry that an earlier step, or run, left open.

        What belongs to a tenant for whom the channel rests stays open.
        """
        self.refused.clear()
        return await self.dispatch_new()

    async def dispatch_new(self) -> CycleReport:
        """Write and send what is open, but for what was refused before.

        To be called often: an inquiry may be opened by a process that doesn't work this channel.
        Cards of one that is refused would be revealed each time, for nothing.
        """
        sent, records, trouble = 0, 0, list[str]()
        for inquiry in await self._in_state(InquiryState.CREATED, InquiryState.WRITTEN):
            if inquiry.batch_id in self.refused or await self._rests(inquiry):
                continue
            try:
                ready = await self._written(inquiry)
            except VaultUnavailable as error:
                trouble.append(error.reason.value)
                continue
            except VaultRefused as error:
                self.refused.add(inquiry.batch_id)
                trouble.append(error.reason.value)
                continue
            except RecordInvalid:
                self.refused.add(inquiry.batch_id)
                trouble.append(NOT_WRITABLE)
                await self._not_writable(inquiry)
                continue
            # Writing takes its time, and what a pause was for may be this very file.
            if ready.state is InquiryState.WRITTEN and not await self._rests(inquiry):
                await self.send(ready)
                sent, records = sent + 1, records + ready.records
        return CycleReport(inquiries=sent, records_asked=records, trouble=trouble)

    async def listen(self) -> CycleReport:
        """Take in what has arrived, and give up on what is overdue."""
        taken = [each async for each in self.poll()]
        trouble = list(dict.fromkeys(each.trouble for each in taken if each.trouble))
        now = self.clock.now_us()
        timeout = self.answer_timeout // timedelta(microseconds=1)
        unanswered = await self.inquiries.expire(now - timeout, now)
        await self.exchange.purge(self.keep_files)
        report = await self._counted(taken)
        awaiting = len(await self._in_state(InquiryState.SENT))
        return replace(
            report, unanswered=unanswered, awaiting=awaiting, listened=True, trouble=trouble
        )

    async def _in_state(self, *states: InquiryState) -> Sequence[Inquiry]:
        found = await self.inquiries.in_state(*states)
        return [each for each in found if each.channel == self.channel.name]

    async def _rests(self, inquiry: Inquiry) -> bool:
        return (self.channel.name, inquiry.tenant) in await self.pauses.paused()

    async def _written(self, inquiry: Inquiry) -> Inquiry:
        return await self.write(inquiry) if inquiry.state is InquiryState.CREATED else inquiry

    async def _not_writable(self, inquiry: Inquiry) -> None:
        """Tell an operator; its cards stay awaited, so that nothing asks about them in vain."""
        incident = Incident(
            ExceptionKind.CARD_NOT_ASKED,
            inquiry.batch_id,
            NOT_WRITABLE,
            opened_at=self.clock.now_us(),
            tenant=inquiry.tenant,
            channel=inquiry.channel,
            merchant_account=inquiry.merchant_account,
        )
        await self.incidents.open(incident)

    async def _counted(self, taken: Sequence[TakenIn]) -> CycleReport:
        counts: Counter[Counted] = Counter()
        applied = [each.feed_id for each in taken if each.taken is Taken.APPLIED]
        for feed_id in applied:
            counts.update((await self.feeds.report(feed_id)).counts)
        return CycleReport(
            taken=dict(Counter(each.taken for each in taken)),
            counts=dict(counts),
            feed_ids=applied,
        )
