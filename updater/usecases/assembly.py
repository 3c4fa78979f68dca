"""The use cases, put together over one set of ports: the same for the service and its tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chassis.events.ports import Outbox
from updater.usecases.apply import BATCH, Apply
from updater.usecases.choose import Channel, ChooseCards
from updater.usecases.correlate import Correlate
from updater.usecases.cycle import Cycle
from updater.usecases.desk import Desk
from updater.usecases.duty import Alone
from updater.usecases.enrol import Enrol
from updater.usecases.passes import Passes
from updater.usecases.poll import Poll
from updater.usecases.ports import (
    Cipher,
    Clock,
    Duty,
    EnrolmentStore,
    Exchange,
    FeedStore,
    IncidentStore,
    InquiryStore,
    Marks,
    Vault,
)
from updater.usecases.send import SendInquiry, WriteInquiry
from updater.usecases.take_in import TakeIn


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything from outside that the use cases work with."""

    vault: Vault
    cipher: Cipher
    exchange: Exchange
    enrolments: EnrolmentStore
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    marks: Marks
    clock: Clock
    duty: Duty = field(default_factory=Alone)
    outbox: Outbox | None = None


@dataclass(frozen=True, slots=True)
class Updater:
    """The use cases that others call, and the ports they may read from."""

    ports: Ports
    channel: Channel
    cycle: Cycle
    desk: Desk


def assemble(
    ports: Ports,
    channel: Channel,
    *,
    tenants: Sequence[str],
    answer_timeout: timedelta = timedelta(days=10),
    patience: int = 4,
    by_consent: bool = True,
    apply_batch: int = BATCH,
) -> Updater:
    """Build every use case once."""
    enrol = Enrol(ports.vault, ports.enrolments, ports.clock, by_consent)
    choose = ChooseCards(channel, ports.enrolments, ports.inquiries, ports.incidents, ports.clock)
    write = WriteInquiry(
        channel=channel,
        vault=ports.vault,
        cipher=ports.cipher,
        exchange=ports.exchange,
        inquiries=ports.inquiries,
        marks=ports.marks,
        clock=ports.clock,
    )
    take_in = TakeIn(
        channel=channel.name,
        cipher=ports.cipher,
        exchange=ports.exchange,
        inquiries=ports.inquiries,
        feeds=ports.feeds,
        incidents=ports.incidents,
        marks=ports.marks,
        correlate=Correlate(channel.name, ports.marks),
        apply=Apply(ports.vault, ports.feeds, ports.clock, apply_batch),
        clock=ports.clock,
        patience=patience,
    )
    cycle = Cycle(
        tenants=tuple(tenants),
        enrol=enrol,
        choose=choose,
        write=write,
        send=SendInquiry(ports.exchange, ports.inquiries, ports.clock),
        poll=Poll(ports.exchange, ports.feeds, take_in),
        inquiries=ports.inquiries,
        feeds=ports.feeds,
        exchange=ports.exchange,
        clock=ports.clock,
        answer_timeout=answer_timeout,
    )
    desk = Desk(
        channel=channel.name,
        passes=Passes(enrol, ports.clock),
        choose=choose,
        enrolments=ports.enrolments,
        inquiries=ports.inquiries,
        clock=ports.clock,
    )
    return Updater(ports, channel, cycle, desk)
