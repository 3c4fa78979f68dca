"""`FeedService`: files and what became of them, never their contents."""

from dataclasses import dataclass

from cardvault.updater.v1 import feed_service_pb2 as pb

from chassis.call import Call
from updater.domain.feed import FeedState
from updater.rpc.feed_messages import feed_answer, feed_file
from updater.rpc.pages import Pages, size_of
from updater.usecases.ports_store import FeedStore
from updater.usecases.visible import file_of


@dataclass(frozen=True, slots=True)
class FeedHandlers:
    """Handlers of `FeedService` that read."""

    feeds: FeedStore
    pages: Pages

    async def list_feed_files(
        self, request: pb.ListFeedFilesRequest, call: Call
    ) -> pb.ListFeedFilesResponse:
        """Return a page of files, newest first."""
        size = size_of(request)
        place = self.pages.position(call.tenant, request, 2) or ["0", ""]
        asked = [pb.FeedFileState.Name(state) for state in request.states]
        states = [FeedState(name.removeprefix("FEED_FILE_STATE_")) for name in asked]
        found = await self.feeds.page(
            tenant=call.tenant,
            channel=request.channel,
            states=states,
            before=(int(place[0]), place[1]),
            limit=size + 1,
        )
        shown = found[:size]
        token = ""
        if len(found) > size:
            last = shown[-1]
            token = self.pages.token(call.tenant, request, str(last.received_at), last.feed_id)
        return pb.ListFeedFilesResponse(
            feed_files=[feed_file(file) for file in shown], next_page_token=token
        )

    async def get_feed_file(
        self, request: pb.GetFeedFileRequest, call: Call
    ) -> pb.GetFeedFileResponse:
        """Return one file with its counts."""
        file = await file_of(self.feeds, call.tenant, request.feed_file_id)
        report = await self.feeds.report(file.feed_id)
        return pb.GetFeedFileResponse(feed_file=feed_file(report.file, report.counts))

    async def list_feed_answers(
        self, request: pb.ListFeedAnswersRequest, call: Call
    ) -> pb.ListFeedAnswersResponse:
        """Return a page of a file's answers, in its order."""
        size = size_of(request)
        place = self.pages.position(call.tenant, request, 2) or ["0", ""]
        file = await file_of(self.feeds, call.tenant, request.feed_file_id)
        after = (int(place[0]), place[1])
        found = await self.feeds.answers(file.feed_id, after=after, limit=size + 1)
        shown = found[:size]
        token = ""
        if len(found) > size:
            last = shown[-1]
            token = self.pages.token(call.tenant, request, str(last.ordinal), last.token)
        return pb.ListFeedAnswersResponse(
            answers=[feed_answer(answer) for answer in shown], next_page_token=token
        )
