"""`FeedService`, the queue: what waits for an operator, and what was done about it."""

from dataclasses import dataclass
from typing import Final

from cardvault.updater.v1 import feed_service_pb2 as pb

from chassis.call import Call
from updater.domain.feed import ExceptionKind, IncidentState
from updater.rpc.calls import Calls, decided
from updater.rpc.feed_messages import updater_exception
from updater.rpc.pages import Pages, size_of
from updater.usecases.exceptions import Exceptions

_NONE: Final = 0
"""An id that no exception has: ids count from 1."""


@dataclass(frozen=True, slots=True)
class ExceptionHandlers:
    """Handlers of `FeedService` about exceptions."""

    exceptions: Exceptions
    pages: Pages
    calls: Calls

    async def list_exceptions(
        self, request: pb.ListExceptionsRequest, call: Call
    ) -> pb.ListExceptionsResponse:
        """Return a page of exceptions, oldest first."""
        size = size_of(request)
        place = self.pages.position(call.tenant, request, 1) or ["0"]
        kinds = [pb.ExceptionKind.Name(kind) for kind in request.kinds]
        states = [pb.ExceptionState.Name(state) for state in request.states]
        found = await self.exceptions.incidents.page(
            tenant=call.tenant,
            channel=request.channel,
            states=[IncidentState(name.removeprefix("EXCEPTION_STATE_")) for name in states]
            or [IncidentState.OPEN],
            kinds=[ExceptionKind(name.removeprefix("EXCEPTION_KIND_")) for name in kinds],
            after=int(place[0]),
            limit=size + 1,
        )
        shown = found[:size]
        token = ""
        if len(found) > size:
            token = self.pages.token(call.tenant, request, str(shown[-1].exception_id))
        return pb.ListExceptionsResponse(
            exceptions=[updater_exception(each) for each in shown], next_page_token=token
        )

    async def get_exception(
        self, request: pb.GetExceptionRequest, call: Call
    ) -> pb.GetExceptionResponse:
        """Return one exception; with its card, masked, for callers who may see cards."""
        found, card = await self.exceptions.get(
            call.tenant, _id(request.exception_id), with_card=call.identity.allows("read")
        )
        return pb.GetExceptionResponse(exception=updater_exception(found, card))

    async def resolve_exception(
        self, request: pb.ResolveExceptionRequest, call: Call
    ) -> pb.ResolveExceptionResponse:
        """Settle an exception."""
        mark = self.calls.mark(request, call)
        name = pb.ExceptionState.Name(request.state)
        work = self.exceptions.settle(
            call.tenant,
            _id(request.exception_id),
            IncidentState(name.removeprefix("EXCEPTION_STATE_")),
            request.reason,
            mark,
        )
        settled = await self.calls.within(call, work)
        decided(call, request.exception_id, request.reason)
        return pb.ResolveExceptionResponse(exception=updater_exception(settled))


def _id(text: str) -> int:
    """Return an exception's id; what no database can count to is no exception's."""
    number = int(text)
    return number if number < 1 << 63 else _NONE
