"""A database with all its ports."""

from dataclasses import dataclass

from chassis.events.ports import Outbox
from updater.usecases.ports import Duty, EnrolmentStore, FeedStore, IncidentStore, InquiryStore


@dataclass(frozen=True, slots=True)
class Engine:
    """What an opened database offers, whichever it is."""

    enrolments: EnrolmentStore
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    duty: Duty
    outbox: Outbox
