"""Every RPC of the updater: where it is, who may call it, what runs."""

from collections.abc import Sequence
from typing import Final

from cardvault.updater.v1 import feed_service_pb2 as feed_pb
from cardvault.updater.v1 import updater_service_pb2 as updater_pb
from google.protobuf.message import Message

from cards.permissions import PERMISSIONS, REVEALED_STATUSES
from chassis.policy import Vocabulary
from chassis.routes import Handler, Kind, Route
from updater.rpc.feed_service import FeedHandlers
from updater.rpc.updater_service import UpdaterHandlers

PACKAGE: Final = "cardvault.updater.v1"

# Who may see and change a card may see and change its enrolment; an operator may do both.
_SEE: Final = ("read", "audit")
_CHANGE: Final = ("update", "status")
_ASK: Final = ("update", "status", "apply_updates")

VOCABULARY: Final = Vocabulary(permissions=PERMISSIONS, statuses=REVEALED_STATUSES)


def routes(updater: UpdaterHandlers, feeds: FeedHandlers) -> Sequence[Route]:
    """Return the routes of both services."""
    u, f = updater_pb, feed_pb
    changing = [
        _route("UpdaterService/Enroll", u.EnrollRequest, u.EnrollResponse, updater.enroll),
        _route("UpdaterService/Unenroll", u.UnenrollRequest, u.UnenrollResponse, updater.unenroll),
        _route(
            "UpdaterService/CreateInquiry",
            u.CreateInquiryRequest,
            u.CreateInquiryResponse,
            updater.create_inquiry,
            _ASK,
        ),
    ]
    reading = [
        _reading(
            "UpdaterService/GetEnrollment",
            u.GetEnrollmentRequest,
            u.GetEnrollmentResponse,
            updater.get_enrollment,
        ),
        _reading(
            "UpdaterService/ListEnrollments",
            u.ListEnrollmentsRequest,
            u.ListEnrollmentsResponse,
            updater.list_enrollments,
        ),
        _reading(
            "UpdaterService/GetInquiry",
            u.GetInquiryRequest,
            u.GetInquiryResponse,
            updater.get_inquiry,
        ),
        _reading(
            "UpdaterService/ListInquiries",
            u.ListInquiriesRequest,
            u.ListInquiriesResponse,
            updater.list_inquiries,
        ),
        _reading(
            "FeedService/ListFeedFiles",
            f.ListFeedFilesRequest,
            f.ListFeedFilesResponse,
            feeds.list_feed_files,
        ),
        _reading(
            "FeedService/GetFeedFile",
            f.GetFeedFileRequest,
            f.GetFeedFileResponse,
            feeds.get_feed_file,
        ),
    ]
    return (*changing, *reading)


def _route(
    name: str,
    request: type[Message],
    response: type[Message],
    handler: Handler,
    permission: tuple[str, ...] = _CHANGE,
) -> Route:
    return Route(f"/{PACKAGE}.{name}", request, response, Kind.UNARY, permission, handler)


def _reading(name: str, request: type[Message], response: type[Message], handler: Handler) -> Route:
    path = f"/{PACKAGE}.{name}"
    return Route(path, request, response, Kind.UNARY, _SEE, handler, read_only=True)
