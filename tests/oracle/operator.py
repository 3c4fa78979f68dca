"""The proof's operator, over the updater's API: approves held files, and reads what came of all."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc
from cardvault.updater.v1 import feed_service_pb2 as feed_pb
from cardvault.updater.v1 import updater_service_pb2 as pb
from cardvault.updater.v1.feed_service_pb2_grpc import FeedServiceStub
from cardvault.updater.v1.updater_service_pb2_grpc import UpdaterServiceStub
from cardvault.vault.v1.update_pb2 import Disposition, UpdateOutcome

from tests.oracle.record import ToldAnswer, ToldException, ToldFile

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.updater.v1.feed_service_pb2_grpc import FeedServiceAsyncStub
    from cardvault.updater.v1.updater_service_pb2_grpc import UpdaterServiceAsyncStub

_PAGE: Final = 1_000
_DEADLINE: Final = 60.0
_AWAY: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class Operator:
    """Calls the updater as the identity `operator`; it may be killed at any time meanwhile."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._feeds: Final[FeedServiceAsyncStub] = FeedServiceStub(channel)
        self._updater: Final[UpdaterServiceAsyncStub] = UpdaterServiceStub(channel)
        self.approved = 0

    async def approve_held(self) -> None:
        """Approve every file that is held now; what can't be done now is done at the next look."""
        held = [feed_pb.FeedFileState.FEED_FILE_STATE_HELD]
        try:
            listed = await self._feeds.ListFeedFiles(
                feed_pb.ListFeedFilesRequest(states=held, page_size=_PAGE),
                timeout=_DEADLINE,
                wait_for_ready=True,
            )
            for file in listed.feed_files:
                request = feed_pb.ApproveFeedFileRequest(
                    request_id=str(uuid.uuid4()),
                    feed_file_id=file.feed_file_id,
                    reason="the proof's operator has looked at it",
                )
                await self._feeds.ApproveFeedFile(request, timeout=_DEADLINE, wait_for_ready=True)
                self.approved += 1
        except grpc.aio.AioRpcError as error:
            if error.code() not in _AWAY:
                raise

    async def asked(self) -> tuple[int, int]:
        """Return how many questions were sent, and how many inquiries are not sent yet."""
        sent, rest = 0, 0
        try:
            async for each in self._inquiries():
                if each.state in _SENT:
                    sent += each.record_count
                else:
                    rest += 1
        except grpc.aio.AioRpcError as error:
            if error.code() not in _AWAY:
                raise
            return 0, 1
        return sent, rest

    async def awaiting(self) -> bool:
        """Tell whether some inquiry still waits for answers."""
        async for each in self._inquiries():
            if each.state == pb.InquiryState.INQUIRY_STATE_SENT:
                return True
        return False

    async def _inquiries(self) -> AsyncIterator[Any]:
        page = ""
        while True:
            request = pb.ListInquiriesRequest(page_size=_PAGE, page_token=page)
            listed = await self._updater.ListInquiries(
                request, timeout=_DEADLINE, wait_for_ready=True
            )
            for each in listed.inquiries:
                yield each
            page = listed.next_page_token
            if not page:
                return

    async def files(self) -> Sequence[ToldFile]:
        """Return every file with its counts."""
        found, page = [], ""
        while True:
            request = feed_pb.ListFeedFilesRequest(page_size=_PAGE, page_token=page)
            listed = await self._feeds.ListFeedFiles(
                request, timeout=_DEADLINE, wait_for_ready=True
            )
            for each in listed.feed_files:
                one = feed_pb.GetFeedFileRequest(feed_file_id=each.feed_file_id)
                whole = await self._feeds.GetFeedFile(one, timeout=_DEADLINE, wait_for_ready=True)
                found.append(_file(whole.feed_file))
            page = listed.next_page_token
            if not page:
                return found

    async def answers(self, feed_id: str) -> list[ToldAnswer]:
        """Return a file's answers in its order."""
        found, page = [], ""
        while True:
            request = feed_pb.ListFeedAnswersRequest(
                feed_file_id=feed_id, page_size=_PAGE, page_token=page
            )
            listed = await self._feeds.ListFeedAnswers(
                request, timeout=_DEADLINE, wait_for_ready=True
            )
            found += [
                ToldAnswer(
                    each.ordinal,
                    each.token,
                    _OUTCOMES[each.outcome],
                    _SAID[each.disposition],
                    own=each.reason in _OWN,
                )
                for each in listed.answers
            ]
            page = listed.next_page_token
            if not page:
                return found

    async def exceptions(self) -> Sequence[ToldException]:
        """Return every exception."""
        found, page = [], ""
        while True:
            request = feed_pb.ListExceptionsRequest(page_size=_PAGE, page_token=page)
            listed = await self._feeds.ListExceptions(
                request, timeout=_DEADLINE, wait_for_ready=True
            )
            found += [
                ToldException(
                    _name(feed_pb.ExceptionKind, each.kind, "EXCEPTION_KIND_"),
                    each.feed_file_id,
                    each.ordinal,
                    each.token,
                    each.inquiry_id,
                )
                for each in listed.exceptions
            ]
            page = listed.next_page_token
            if not page:
                return found


_SENT: Final = frozenset(
    {
        pb.InquiryState.INQUIRY_STATE_SENT,
        pb.InquiryState.INQUIRY_STATE_ANSWERED,
        pb.InquiryState.INQUIRY_STATE_EXPIRED,
    }
)


_OWN: Final = frozenset({"REPEATED_ROW", "ANSWERED_TWICE"})
"""Reasons of decisions that are the updater's own."""


def _name(enum: Any, value: int, prefix: str) -> str:
    name: str = enum.Name(value)
    return name.removeprefix(prefix).removesuffix("UNSPECIFIED")


_SAID: Final = {value: _name(Disposition, value, "DISPOSITION_") for value in Disposition.values()}
_OUTCOMES: Final = {
    value: _name(UpdateOutcome, value, "UPDATE_OUTCOME_") for value in UpdateOutcome.values()
}


def _file(file: Any) -> ToldFile:
    counts: Counter[str] = Counter()
    for each in file.counts:
        counts[_SAID[each.disposition]] += each.count
    return ToldFile(
        feed_id=file.feed_file_id,
        channel=file.channel,
        name=file.name,
        state=_name(feed_pb.FeedFileState, file.state, "FEED_FILE_STATE_"),
        inquiry=file.inquiry_id,
        records=file.record_count,
        counts=counts,
        duplicate_of=file.duplicate_of,
        decided_by=file.hold.decided_by,
    )
