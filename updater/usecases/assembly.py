"""The use cases, put together over one set of ports: the same for the service and its tests."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chassis.events.ports import Outbox
from updater.usecases.absences import Absences
from updater.usecases.apply import BATCH, Apply
from updater.usecases.aside import Aside
from updater.usecases.channel import Channel
from updater.usecases.choose import ChooseCards
from updater.usecases.correlate import Correlate
from updater.usecases.cycle import Cycle
from updater.usecases.desk import Desk
from updater.usecases.duty import Alone
from updater.usecases.enrol import Enrol
from updater.usecases.enrolling import Enrolling
from updater.usecases.passes import Passes
from updater.usecases.poll import Poll
from updater.usecases.ports import Clock, Duty, Marks
from updater.usecases.ports_exchange import Cipher, Exchange
from updater.usecases.ports_store import (
    EnrolmentStore,
    FeedStore,
    IncidentStore,
    InquiryStore,
    PauseStore,
    RequestStore,
)
from updater.usecases.ports_vault import Vault
from updater.usecases.reading import Reader
from updater.usecases.report import CycleReport
from updater.usecases.send import SendInquiry, WriteInquiry
from updater.usecases.stalls import Stalls
from updater.usecases.take_in import TakeIn, largest_sealed


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of calls and commands, or those for a piece of work, and whose work it is."""

    enrolments: EnrolmentStore
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    pauses: PauseStore
    duty: Duty = field(default_factory=Alone)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything from outside that calls work with, beside what each channel has of its own."""

    vault: Vault
    stores: Stores
    requests: RequestStore
    marks: Marks
    clock: Clock
    outbox: Outbox | None = None


@dataclass(frozen=True, slots=True)
class ChannelPorts:
    """What one channel has of its own; its stores are for the work of its lease."""

    channel: Channel
    stores: Stores
    cipher: Cipher
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Settings:
    """What all channels have in common."""

    tenants: Sequence[str]
    answer_timeout: timedelta = timedelta(days=10)
    keep_files: timedelta = timedelta(days=30)
    patience: int = 4
    by_consent: bool = True
    apply_batch: int = BATCH


@dataclass(frozen=True, slots=True)
class ChannelDesk:
    """One channel at work. `reader` reads its files for whoever wants to, a replay for example."""

    channel: Channel
    ports: ChannelPorts
    cycle: Cycle
    reader: Reader


@dataclass(frozen=True, slots=True)
class EnrolmentDesk:
    """The work that all channels need done, and whose it is."""

    enrolling: Enrolling
    duty: Duty


@dataclass(frozen=True, slots=True)
class Updater:
    """The use cases that others call, and the ports they may read from.

    `choosing` is to be held while cards are chosen.
    """

    ports: Ports
    enrolment: EnrolmentDesk
    channels: Sequence[ChannelDesk]
    desk: Desk
    choosing: asyncio.Lock

    @property
    def duties(self) -> Sequence[Duty]:
        """Return every duty, for whoever does all the work at once."""
        return (self.enrolment.duty, *(each.ports.stores.duty for each in self.channels))

    async def ask(self) -> CycleReport:
        """Enrol, then have every channel choose, write and send: once."""
        report = await self.enrolment.enrolling()
        for each in self.channels:
            report = report.beside(await each.cycle.ask())
        return report

    async def listen(self) -> CycleReport:
        """Have every channel look for answers: once."""
        report = CycleReport()
        for each in self.channels:
            report = report.beside(await each.cycle.listen())
        return report


def assemble(
    ports: Ports, enrol: Stores, channels: Sequence[ChannelPorts], settings: Settings
) -> Updater:
    """Build every use case once. `enrol` are the stores for keeping the enrolments."""
    configured = tuple(each.channel for each in channels)
    choosing = asyncio.Lock()
    desks = tuple(_channel(ports, each, configured, settings, choosing) for each in channels)
    stores, clock = ports.stores, ports.clock
    enrolling = Enrolling(
        tuple(settings.tenants), Enrol(ports.vault, enrol.enrolments, clock, settings.by_consent)
    )
    desk = Desk(
        choose=_choices(configured, stores, clock),
        passes=Passes(Enrol(ports.vault, stores.enrolments, clock, settings.by_consent), clock),
        enrolments=stores.enrolments,
        inquiries=stores.inquiries,
        clock=clock,
    )
    return Updater(ports, EnrolmentDesk(enrolling, enrol.duty), desks, desk, choosing)


def _choices(
    configured: Sequence[Channel], stores: Stores, clock: Clock
) -> Mapping[str, ChooseCards]:
    return {each.name: _choice(each, configured, stores, clock) for each in configured}


def _choice(
    channel: Channel, configured: Sequence[Channel], stores: Stores, clock: Clock
) -> ChooseCards:
    return ChooseCards(
        channel=channel,
        channels=configured,
        enrolments=stores.enrolments,
        inquiries=stores.inquiries,
        incidents=stores.incidents,
        pauses=stores.pauses,
        clock=clock,
    )


def _channel(
    ports: Ports,
    own: ChannelPorts,
    configured: Sequence[Channel],
    settings: Settings,
    choosing: asyncio.Lock,
) -> ChannelDesk:
    channel, stores, clock = own.channel, own.stores, ports.clock
    correlate = Correlate(channel, ports.marks)
    reader = Reader(channel, own.cipher, stores.inquiries, stores.feeds, correlate)
    write = WriteInquiry(
        channel=channel,
        vault=ports.vault,
        cipher=own.cipher,
        exchange=own.exchange,
        inquiries=stores.inquiries,
        marks=ports.marks,
        clock=clock,
    )
    cycle = Cycle(
        channel=channel,
        tenants=tuple(settings.tenants),
        choose=_choice(channel, configured, stores, clock),
        write=write,
        send=SendInquiry(own.exchange, stores.inquiries, clock),
        poll=Poll(
            channel.name,
            own.exchange,
            stores.feeds,
            _take_in(ports, own, reader, settings),
            Absences(channel.name, stores.feeds, clock, settings.patience),
            Stalls(channel.name, stores.feeds, stores.incidents, clock, settings.patience),
        ),
        inquiries=stores.inquiries,
        feeds=stores.feeds,
        incidents=stores.incidents,
        pauses=stores.pauses,
        exchange=own.exchange,
        clock=clock,
        choosing=choosing,
        answer_timeout=settings.answer_timeout,
        keep_files=settings.keep_files,
    )
    return ChannelDesk(channel, own, cycle, reader)


def _take_in(ports: Ports, own: ChannelPorts, reader: Reader, settings: Settings) -> TakeIn:
    stores = own.stores
    aside = Aside(
        channel=own.channel.name,
        cipher=own.cipher,
        exchange=own.exchange,
        inquiries=stores.inquiries,
        feeds=stores.feeds,
        marks=ports.marks,
        clock=ports.clock,
        largest=largest_sealed(own.channel),
    )
    return TakeIn(
        channel=own.channel,
        reader=reader,
        aside=aside,
        exchange=own.exchange,
        feeds=stores.feeds,
        incidents=stores.incidents,
        pauses=stores.pauses,
        apply=Apply(ports.vault, stores.feeds, stores.pauses, ports.clock, settings.apply_batch),
        clock=ports.clock,
        patience=settings.patience,
    )
