"""Every RPC of the updater: where it is, who may call it, what runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cardvault.updater.v1 import feed_service_pb2 as f
from cardvault.updater.v1 import updater_service_pb2 as u
from google.protobuf.message import Message

from cards.permissions import PERMISSIONS, REVEALED_STATUSES
from chassis.policy import Vocabulary
from chassis.routes import Kind, Route
from updater.rpc.card_numbers import Handler, without_card_numbers
from updater.rpc.channels import ChannelHandlers
from updater.rpc.decisions import DecisionHandlers
from updater.rpc.exception_service import ExceptionHandlers
from updater.rpc.feed_service import FeedHandlers
from updater.rpc.updater_service import UpdaterHandlers

PACKAGE: Final = "cardvault.updater.v1"

# Who may see and change a card may see and change its enrolment; an operator may do both.
_SEE: Final = ("read", "audit")
_CHANGE: Final = ("update", "status")
_ASK: Final = ("update", "status", "apply_updates")
# What is an operator's to decide: never of who may change one card's status. A file is brought to
# the vault again by whoever may bring one.
_DECIDE: Final = ("approve",)
_REPLAY: Final = ("apply_updates", "approve")
_REVERT: Final = ("revert_updates",)

VOCABULARY: Final = Vocabulary(permissions=PERMISSIONS, statuses=REVEALED_STATUSES)


@dataclass(frozen=True, slots=True)
class Handlers:
    """Handlers of both services."""

    updater: UpdaterHandlers
    channels: ChannelHandlers
    feeds: FeedHandlers
    decisions: DecisionHandlers
    exceptions: ExceptionHandlers


def routes(handlers: Handlers) -> Sequence[Route]:
    """Return the routes of both services."""
    return (
        *_enrolments(handlers.updater),
        *_channels(handlers.channels),
        *_files(handlers.feeds, handlers.decisions),
        *_exceptions(handlers.exceptions),
    )


def _enrolments(to: UpdaterHandlers) -> Sequence[Route]:
    of = "UpdaterService"
    return (
        _changing(of, u.EnrollRequest, u.EnrollResponse, to.enroll, _CHANGE),
        _changing(of, u.UnenrollRequest, u.UnenrollResponse, to.unenroll, _CHANGE),
        _reading(of, u.GetEnrollmentRequest, u.GetEnrollmentResponse, to.get_enrollment),
        _reading(of, u.ListEnrollmentsRequest, u.ListEnrollmentsResponse, to.list_enrollments),
        _changing(of, u.CreateInquiryRequest, u.CreateInquiryResponse, to.create_inquiry, _ASK),
        _reading(of, u.GetInquiryRequest, u.GetInquiryResponse, to.get_inquiry),
        _reading(of, u.ListInquiriesRequest, u.ListInquiriesResponse, to.list_inquiries),
    )


def _channels(to: ChannelHandlers) -> Sequence[Route]:
    of = "UpdaterService"
    return (
        _reading(of, u.ExplainCardRequest, u.ExplainCardResponse, to.explain_card),
        _reading(of, u.ListChannelsRequest, u.ListChannelsResponse, to.list_channels),
        _changing(of, u.PauseChannelRequest, u.PauseChannelResponse, to.pause_channel, _DECIDE),
        _changing(of, u.ResumeChannelRequest, u.ResumeChannelResponse, to.resume_channel, _DECIDE),
    )


def _files(see: FeedHandlers, to: DecisionHandlers) -> Sequence[Route]:
    of = "FeedService"
    approve, reject = to.approve_feed_file, to.reject_feed_file
    replay, revert = to.replay_feed_file, to.revert_feed_file
    return (
        _reading(of, f.ListFeedFilesRequest, f.ListFeedFilesResponse, see.list_feed_files),
        _reading(of, f.GetFeedFileRequest, f.GetFeedFileResponse, see.get_feed_file),
        _reading(of, f.ListFeedAnswersRequest, f.ListFeedAnswersResponse, see.list_feed_answers),
        _changing(of, f.ApproveFeedFileRequest, f.ApproveFeedFileResponse, approve, _DECIDE),
        _changing(of, f.RejectFeedFileRequest, f.RejectFeedFileResponse, reject, _DECIDE),
        _changing(of, f.ReplayFeedFileRequest, f.ReplayFeedFileResponse, replay, _REPLAY),
        _changing(of, f.RevertFeedFileRequest, f.RevertFeedFileResponse, revert, _REVERT),
    )


def _exceptions(to: ExceptionHandlers) -> Sequence[Route]:
    of = "FeedService"
    resolve = to.resolve_exception
    return (
        _reading(of, f.ListExceptionsRequest, f.ListExceptionsResponse, to.list_exceptions),
        _reading(of, f.GetExceptionRequest, f.GetExceptionResponse, to.get_exception),
        _changing(of, f.ResolveExceptionRequest, f.ResolveExceptionResponse, resolve, _DECIDE),
    )


def _changing(
    service: str,
    request: type[Message],
    response: type[Message],
    handler: Handler,
    permission: tuple[str, ...],
) -> Route:
    checked = without_card_numbers(request, handler)
    return Route(_path(service, request), request, response, Kind.UNARY, permission, checked)


def _reading(
    service: str, request: type[Message], response: type[Message], handler: Handler
) -> Route:
    path, checked = _path(service, request), without_card_numbers(request, handler)
    return Route(path, request, response, Kind.UNARY, _SEE, checked, read_only=True)


def _path(service: str, request: type[Message]) -> str:
    """Return an RPC's path: its request is named for it (buf lint sees to that)."""
    return f"/{PACKAGE}.{service}/{request.__name__.removesuffix('Request')}"
