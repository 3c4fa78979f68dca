"""A database with all its ports."""

from collections.abc import Callable
from dataclasses import dataclass

from chassis.events.ports import Outbox
from updater.usecases.ports import Duty
from updater.usecases.ports_store import (
    EnrolmentStore,
    FeedStore,
    IncidentStore,
    InquiryStore,
    PauseStore,
    RequestStore,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """The stores for one piece of work, which one process at a time has: it is `duty`.

    Every change raises StandsBy where another process has the work by now.
    """

    enrolments: EnrolmentStore
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    pauses: PauseStore
    duty: Duty


@dataclass(frozen=True, slots=True)
class Engine:
    """What an opened database offers, whichever it is.

    The stores are for calls and commands, which any process may serve. `bench` returns those for a
    piece of work by its name, the same ones each time; names are few, and each one's lease is asked
    for from then on.
    """

    enrolments: EnrolmentStore
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    pauses: PauseStore
    requests: RequestStore
    outbox: Outbox
    bench: Callable[[str], Bench]
