"""`FeedService`: files and what became of them, never their contents."""

from dataclasses import dataclass

from cardvault.updater.v1 import feed_service_pb2 as pb

from chassis.call import Call
from updater.domain.errors import FeedFileNotFound
from updater.domain.feed import FeedState
from updater.rpc import messages
from updater.rpc.pages import Pages, size_of
from updater.usecases.assembly import Updater


@dataclass(frozen=True, slots=True)
class FeedHandlers:
    """Handlers of `FeedService`."""

    updater: Updater
    pages: Pages

    async def list_feed_files(
        self, request: pb.ListFeedFilesRequest, call: Call
    ) -> pb.ListFeedFilesResponse:
        """Return a page of files, newest first."""
        size = size_of(request)
        place = self.pages.position(call.tenant, request, 2) or ["0", ""]
        asked = [pb.FeedFileState.Name(state) for state in request.states]
        states = [FeedState(name.removeprefix("FEED_FILE_STATE_")) for name in asked]
        if request.channel not in {"", self.updater.channel.name}:
            return pb.ListFeedFilesResponse()
        found = await self.updater.ports.feeds.page(
            tenant=call.tenant,
            states=states,
            before=(int(place[0]), place[1]),
            limit=size + 1,
        )
        shown = found[:size]
        token = ""
        if len(found) > size:
            last = shown[-1]
            token = self.pages.token(call.tenant, request, str(last.received_at), last.feed_id)
        files = [messages.feed_file(file) for file in shown]
        return pb.ListFeedFilesResponse(feed_files=files, next_page_token=token)

    async def get_feed_file(
        self, request: pb.GetFeedFileRequest, call: Call
    ) -> pb.GetFeedFileResponse:
        """Return one file with its counts."""
        file = await self.updater.ports.feeds.find(request.feed_file_id)
        if file is None or file.tenant != call.tenant:
            # One answer for both, to the letter: another tenant's file is none.
            raise FeedFileNotFound("the tenant has no such feed file")
        report = await self.updater.ports.feeds.report(file.feed_id)
        return pb.GetFeedFileResponse(feed_file=messages.feed_file(report.file, report.counts))
