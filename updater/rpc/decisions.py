"""`FeedService`, the operator's part: held files released or refused, applied ones done again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from cardvault.updater.v1 import feed_service_pb2 as pb

from chassis.call import Call
from updater.domain.feed import FeedReport
from updater.rpc.calls import Calls, decided
from updater.rpc.feed_messages import feed_file
from updater.rpc.messages import counts
from updater.usecases.holds import Holds
from updater.usecases.replay import Replay
from updater.usecases.revert import Revert


@dataclass(frozen=True, slots=True)
class DecisionHandlers:
    """Handlers of `FeedService` that decide about a file."""

    holds: Holds
    replay: Replay
    revert: Revert
    calls: Calls

    async def approve_feed_file(
        self, request: pb.ApproveFeedFileRequest, call: Call
    ) -> pb.ApproveFeedFileResponse:
        """Release a held file."""
        mark = self.calls.mark(request, call)
        work = self.holds.approve(call.tenant, request.feed_file_id, request.reason, mark)
        report = await self.calls.within(call, work)
        decided(call, request.feed_file_id, request.reason)
        return pb.ApproveFeedFileResponse(feed_file=_file(report))

    async def reject_feed_file(
        self, request: pb.RejectFeedFileRequest, call: Call
    ) -> pb.RejectFeedFileResponse:
        """Refuse a held file, or give up on one that stands still."""
        mark = self.calls.mark(request, call)
        work = self.holds.reject(call.tenant, request.feed_file_id, request.reason, mark)
        report = await self.calls.within(call, work)
        decided(call, request.feed_file_id, request.reason)
        return pb.RejectFeedFileResponse(feed_file=_file(report))

    async def replay_feed_file(
        self, request: pb.ReplayFeedFileRequest, call: Call
    ) -> pb.ReplayFeedFileResponse:
        """Bring an applied file's answers to the vault again."""
        mark = self.calls.mark(request, call)
        work = self.replay(
            call.tenant,
            request.feed_file_id,
            mark,
            dry_run=request.dry_run,
            begin=self._begins(call, request),
        )
        report, brought = await self.calls.within(call, work)
        return pb.ReplayFeedFileResponse(feed_file=_file(report), counts=counts(Counter(brought)))

    async def revert_feed_file(
        self, request: pb.RevertFeedFileRequest, call: Call
    ) -> pb.RevertFeedFileResponse:
        """Take an applied file back."""
        mark = self.calls.mark(request, call)
        work = self.revert(
            call.tenant,
            request.feed_file_id,
            mark,
            dry_run=request.dry_run,
            reason=request.reason,
            begin=self._begins(call, request),
        )
        done = await self.calls.within(call, work)
        return pb.RevertFeedFileResponse(
            feed_file=_file(done.report),
            counts=[
                pb.UndoneCount(undone=f"UNDONE_{undone.value}", count=count)
                for undone, count in sorted(done.counts.items())
            ],
            kept_tokens=done.kept,
            dropped_parked_count=done.dropped_parked,
        )

    def _begins(
        self, call: Call, request: pb.ReplayFeedFileRequest | pb.RevertFeedFileRequest
    ) -> Callable[[], None]:
        """Return what logs a decision as it is begun: it may run out of time half way."""
        return lambda: decided(call, request.feed_file_id, request.reason)


def _file(report: FeedReport) -> pb.FeedFile:
    return feed_file(report.file, report.counts)
