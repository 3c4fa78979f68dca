"""One whole cycle: enrol, choose, write, send, poll, apply, expire; and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.domain.inquiry import InquiryState
from updater.usecases.choose import ChooseCards
from updater.usecases.enrol import Enrol
from updater.usecases.poll import Poll
from updater.usecases.ports import Clock, Exchange, FeedStore, InquiryStore
from updater.usecases.send import SendInquiry, WriteInquiry
from updater.usecases.take_in import Taken, TakenIn


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What a cycle did. `trouble` names reasons that stopped a step; it goes on next time."""

    enrolled: int = 0
    inquiries: int = 0
    records_asked: int = 0
    taken: Mapping[Taken, int] = field(default_factory=dict)
    counts: Mapping[tuple[Outcome, Disposition | None], int] = field(default_factory=dict)
    feed_ids: Sequence[str] = ()
    unanswered: int = 0
    awaiting: int = 0
    listened: bool = False
    trouble: Sequence[str] = ()

    def plus(self, other: "CycleReport") -> "CycleReport":
        """Return both together; `awaiting` and what waits are of the later one."""
        return CycleReport(
            enrolled=self.enrolled + other.enrolled,
            inquiries=self.inquiries + other.inquiries,
            records_asked=self.records_asked + other.records_asked,
            taken={
                **Counter({k: n for k, n in self.taken.items() if k is not Taken.WAITING})
                + Counter(other.taken)
            },
            counts={**Counter(self.counts) + Counter(other.counts)},
            feed_ids=(*self.feed_ids, *other.feed_ids),
            unanswered=self.unanswered + other.unanswered,
            awaiting=other.awaiting if other.listened else self.awaiting,
            listened=self.listened or other.listened,
            trouble=(*self.trouble, *other.trouble),
        )


@dataclass(frozen=True, slots=True)
class Cycle:
    """Run every step for every tenant. A step that fails leaves the others to go on."""

    tenants: Sequence[str]
    enrol: Enrol
    choose: ChooseCards
    write: WriteInquiry
    send: SendInquiry
    poll: Poll
    inquiries: InquiryStore
    feeds: FeedStore
    exchange: Exchange
    clock: Clock
    answer_timeout: timedelta = timedelta(days=10)
    keep_files: timedelta = timedelta(days=30)

    async def __call__(self, *, ask: bool = True) -> CycleReport:
        """Run once; without `ask` only answers are looked for."""
        report = await self.ask() if ask else CycleReport()
        return report.plus(await self.listen())

    async def ask(self) -> CycleReport:
        """Enrol and choose for each tenant, then write and send what is open."""
        enrolled, trouble = 0, []
        for tenant in self.tenants:
            try:
                enrolled += await self.enrol(tenant)
                await self.choose(tenant)
            except (VaultUnavailable, VaultRefused) as error:
                trouble.append(error.reason.value)
        report = CycleReport(enrolled=enrolled, trouble=trouble)
        return report.plus(await self.dispatch())

    async def dispatch(self) -> CycleReport:
        """Write and send every inquiry that an earlier step, or run, left open."""
        sent, records, trouble = 0, 0, []
        for inquiry in await self.inquiries.in_state(InquiryState.CREATED, InquiryState.WRITTEN):
            try:
                ready = (
                    await self.write(inquiry) if inquiry.state is InquiryState.CREATED else inquiry
                )
            except (VaultUnavailable, VaultRefused) as error:
                trouble.append(error.reason.value)
                continue
            if ready.state is InquiryState.WRITTEN:
                await self.send(ready)
                sent, records = sent + 1, records + ready.records
        return CycleReport(inquiries=sent, records_asked=records, trouble=trouble)

    async def listen(self) -> CycleReport:
        """Take in what has arrived, and give up on what is overdue."""
        taken: Sequence[TakenIn] = ()
        trouble = []
        try:
            taken = await self.poll()
        except VaultUnavailable as error:
            trouble.append(error.reason.value)
        now = self.clock.now_us()
        timeout = self.answer_timeout // timedelta(microseconds=1)
        unanswered = await self.inquiries.expire(now - timeout, now)
        await self.exchange.purge(self.keep_files)
        report = await self._counted(taken)
        awaiting = len(await self.inquiries.in_state(InquiryState.SENT))
        return replace(
            report, unanswered=unanswered, awaiting=awaiting, listened=True, trouble=trouble
        )

    async def _counted(self, taken: Sequence[TakenIn]) -> CycleReport:
        counts: Counter[tuple[Outcome, Disposition | None]] = Counter()
        applied = [each.feed_id for each in taken if each.taken is Taken.APPLIED]
        for feed_id in applied:
            counts.update((await self.feeds.report(feed_id)).counts)
        return CycleReport(
            taken=dict(Counter(each.taken for each in taken)),
            counts=dict(counts),
            feed_ids=applied,
        )
