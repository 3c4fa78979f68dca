"""Every method of every port of the updater, in tables, and where each is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.doubles.updater_vault import DoubleVault
from tests.doubles.updater_world import HandClock
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.marks import HmacMarks
from updater.adapters.openpgp import OpenPgp
from updater.adapters.sqlite import enrolments, feeds, incidents, inquiries, pauses

AT_WORK: Final[Mapping[str, tuple[str, ...]]] = {
    "Clock": ("now_us",),
    "Marks": ("number", "record", "content", "file"),
    "Vault": ("credentials", "reveal", "apply"),
    "Cipher": ("is_sealed", "seal", "open", "seal_for_ourselves"),
    "Exchange": ("stage", "send", "arrivals", "read", "shelve", "purge"),
    "EnrolmentStore": ("cursor", "sync", "candidates"),
    "InquiryStore": (
        *("create", "in_state", "questions", "written", "sent", "by_wire", "expire"),
        "find",
    ),
    "FeedStore": (
        *("sight", "by_digest", "of_batch", "admit", "find", "last_recorded", "record"),
        *("applied", "report", "unsettled", "add"),
    ),
    "PauseStore": ("paused",),
}
"""What a cycle calls in which one file answers and another one is refused."""
ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "Duty": ("taken", "lost", "wanted", "hand_over", "confirm"),  # they have no number in hand
    "Marks": ("request", "page"),
    "Vault": ("revert", "card"),
    "Exchange": ("reopen",),
    "EnrolmentStore": ("get", "page", "knows", "set_enrolled"),
    "InquiryStore": ("by_request", "emptied", "next_wire", "page", "progress"),
    "FeedStore": (
        *("page", "answers", "answered", "release", "replayed", "reverted"),
        *("missing", "found"),
    ),
    "IncidentStore": ("open", "get", "page", "settle"),
    "PauseStore": ("pause", "resume"),
    "RequestStore": ("known", "keep"),
}
"""What is called on behalf of a caller, or seldom (tests/contract/rpc/test_updater_canary.py)."""
PLACES: Final[Mapping[str, type]] = {
    "Clock": HandClock,
    "Marks": HmacMarks,
    "Vault": DoubleVault,
    "Cipher": OpenPgp,
    "Exchange": ExchangeDirectory,
    "EnrolmentStore": enrolments.SqliteEnrolments,
    "InquiryStore": inquiries.SqliteInquiries,
    "FeedStore": feeds.SqliteFeeds,
    "IncidentStore": incidents.SqliteIncidents,
    "PauseStore": pauses.SqlitePauses,
}
