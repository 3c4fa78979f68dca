"""Good requests for every RPC of the updater, and what they are about, kept before."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cardvault.updater.v1 import feed_service_pb2 as f
from cardvault.updater.v1 import updater_service_pb2 as u

from chassis.routes import Route
from tests.doubles.rpc_wire import short
from tests.doubles.updater_site import CHANNEL, Site, rid
from updater.domain.feed import (
    ExceptionKind,
    FeedFile,
    FeedState,
    HoldReason,
    Incident,
)
from updater.rpc.channels import ChannelHandlers
from updater.rpc.decisions import DecisionHandlers
from updater.rpc.exception_service import ExceptionHandlers
from updater.rpc.feed_service import FeedHandlers
from updater.rpc.routes import Handlers, routes
from updater.rpc.updater_service import UpdaterHandlers

_NOTHING: Final[Any] = None  # routes are only looked at here: no handler of theirs is ever called
NOW: Final = 1_800_000_000_000_000


def updater_routes() -> Sequence[Route]:
    """Return the table of RPCs that the updater serves."""
    return routes(
        Handlers(
            updater=UpdaterHandlers(*[_NOTHING] * 7),
            channels=ChannelHandlers(*[_NOTHING] * 3),
            feeds=FeedHandlers(*[_NOTHING] * 2),
            decisions=DecisionHandlers(*[_NOTHING] * 4),
            exceptions=ExceptionHandlers(*[_NOTHING] * 3),
        )
    )


def route_of(method: str) -> Route:
    """Return a route by its method's name."""
    return next(route for route in updater_routes() if short(route) == method)


@dataclass(frozen=True, slots=True)
class Kept:
    """What requests are about: all of it one tenant's. `feed` was applied and lies on its shelf."""

    token: str
    inquiry: str
    feed: str
    held: str
    reversible: str
    exception: int


async def one_cycle(site: Site) -> tuple[str, str, str]:
    """Have a card asked about and answered; return token, inquiry and file."""
    token = await site.card("shop")
    await site.card("other-shop")  # seen with the first one, and due until it is asked about
    inquiry = await site.asked()
    return token, inquiry, (await site.fed()).feed_file_id


async def keep(site: Site, cycle: tuple[str, str, str], tenant: str = "demo") -> Kept:
    """Keep what hasn't been decided yet beside what one cycle has brought."""
    held = await kept_file(site, FeedState.HELD, tenant)
    reversible = await kept_file(site, FeedState.APPLIED, tenant)
    exception = await kept_exception(site, held, tenant)
    return Kept(*cycle, held, reversible, exception)


async def kept_file(site: Site, state: FeedState, tenant: str = "demo") -> str:
    """Keep a file that is held, or that was applied and brought nothing."""
    feeds, number = site.stores.feeds, secrets.token_hex(12)
    file = FeedFile(
        feed_id=f"feed_{number}",
        channel=CHANNEL,
        name=f"shop.{number}.csv.pgp",
        size=100,
        sha256=secrets.token_hex(32),
        state=FeedState.HELD if state is FeedState.HELD else FeedState.VALIDATED,
        received_at=NOW,
        batch_id=f"b{number}",
        tenant=tenant,
        records=60,
        reason=HoldReason.CLOSED_SHARE.value if state is FeedState.HELD else "",
    )
    held = Incident(
        ExceptionKind.FILE_HELD,
        file.feed_id,
        file.reason,
        opened_at=NOW,
        tenant=tenant,
        channel=CHANNEL,
        feed_id=file.feed_id,
    )
    await feeds.admit(file, held if state is FeedState.HELD else None)
    if state is FeedState.APPLIED:
        await feeds.applied(file.feed_id, NOW + 1)
    return file.feed_id


async def kept_exception(site: Site, feed_id: str, tenant: str = "demo", token: str = "") -> int:
    """Open an exception and return its id."""
    subject = f"{feed_id}/{secrets.token_hex(4)}"
    incidents = site.stores.incidents
    await incidents.open(
        Incident(
            ExceptionKind.ANSWER_NOT_APPLIED,
            subject,
            "CONFLICT:ANSWERED_TWICE",
            opened_at=NOW,
            tenant=tenant,
            channel=CHANNEL,
            feed_id=feed_id,
            ordinal=1,
            token=token,
        )
    )
    found = await incidents.page(
        tenant=tenant, channel="", states=(), kinds=(), after=0, limit=10_000
    )
    return next(each.exception_id for each in found if each.subject == subject)


GOOD: Final[Mapping[str, Callable[[Kept], Any]]] = {
    "Enroll": lambda kept: u.EnrollRequest(
        request_id=rid(), token=kept.token, merchant_account="shop"
    ),
    "Unenroll": lambda kept: u.UnenrollRequest(
        request_id=rid(), token=kept.token, merchant_account="shop"
    ),
    "GetEnrollment": lambda kept: u.GetEnrollmentRequest(token=kept.token, merchant_account="shop"),
    "ListEnrollments": lambda kept: u.ListEnrollmentsRequest(
        token=kept.token, merchant_account="shop", states=[u.ENROLLMENT_STATE_ACTIVE], page_size=1
    ),
    "CreateInquiry": lambda _kept: u.CreateInquiryRequest(
        request_id=rid(), channel=CHANNEL, merchant_account="other-shop"
    ),
    "GetInquiry": lambda kept: u.GetInquiryRequest(inquiry_id=kept.inquiry),
    "ListInquiries": lambda _kept: u.ListInquiriesRequest(
        channel=CHANNEL, states=[u.INQUIRY_STATE_ANSWERED], page_size=1
    ),
    "ExplainCard": lambda kept: u.ExplainCardRequest(token=kept.token, merchant_account="shop"),
    "ListChannels": lambda _kept: u.ListChannelsRequest(),
    "PauseChannel": lambda _kept: u.PauseChannelRequest(
        request_id=rid(), channel=CHANNEL, reason="maintenance at the acquirer's"
    ),
    "ResumeChannel": lambda _kept: u.ResumeChannelRequest(request_id=rid(), channel=CHANNEL),
    "ListFeedFiles": lambda _kept: f.ListFeedFilesRequest(
        channel=CHANNEL, states=[f.FEED_FILE_STATE_APPLIED], page_size=1
    ),
    "GetFeedFile": lambda kept: f.GetFeedFileRequest(feed_file_id=kept.feed),
    "ListFeedAnswers": lambda kept: f.ListFeedAnswersRequest(feed_file_id=kept.feed, page_size=1),
    "ApproveFeedFile": lambda kept: f.ApproveFeedFileRequest(
        request_id=rid(), feed_file_id=kept.held, reason="looked at"
    ),
    "RejectFeedFile": lambda kept: f.RejectFeedFileRequest(
        request_id=rid(), feed_file_id=kept.held, reason="not theirs"
    ),
    "ReplayFeedFile": lambda kept: f.ReplayFeedFileRequest(
        request_id=rid(), feed_file_id=kept.feed, dry_run=True, reason="out of the shadow"
    ),
    "RevertFeedFile": lambda kept: f.RevertFeedFileRequest(
        request_id=rid(), feed_file_id=kept.reversible, dry_run=True, reason="wrong file"
    ),
    "ListExceptions": lambda _kept: f.ListExceptionsRequest(
        channel=CHANNEL,
        kinds=[f.EXCEPTION_KIND_FILE_HELD],
        states=[f.EXCEPTION_STATE_OPEN],
        page_size=1,
    ),
    "GetException": lambda kept: f.GetExceptionRequest(exception_id=str(kept.exception)),
    "ResolveException": lambda kept: f.ResolveExceptionRequest(
        request_id=rid(),
        exception_id=str(kept.exception),
        state=f.EXCEPTION_STATE_RESOLVED,
        reason="asked the acquirer",
    ),
}
"""A good request for each method: every field that may be set, is."""
