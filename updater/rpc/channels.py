"""`UpdaterService`, the operator's part: why a card isn't asked about, and channels at rest."""

from dataclasses import dataclass

from cardvault.updater.v1 import updater_service_pb2 as pb

from chassis.call import Call
from updater.domain.feed import Counted
from updater.rpc import messages
from updater.rpc.calls import Calls, decided
from updater.usecases.explain import Explain, Explanation
from updater.usecases.pauses import ChannelView, Pauses


@dataclass(frozen=True, slots=True)
class ChannelHandlers:
    """Handlers of `UpdaterService` about channels."""

    pauses: Pauses
    explain: Explain
    calls: Calls

    async def explain_card(
        self, request: pb.ExplainCardRequest, call: Call
    ) -> pb.ExplainCardResponse:
        """Say why a card is or isn't asked about."""
        found = await self.explain(call.tenant, request.token, request.merchant_account)
        return _explanation(found)

    async def list_channels(
        self, _request: pb.ListChannelsRequest, call: Call
    ) -> pb.ListChannelsResponse:
        """Return all channels."""
        views = await self.pauses.all(call.tenant)
        return pb.ListChannelsResponse(channels=[_channel(view) for view in views])

    async def pause_channel(
        self, request: pb.PauseChannelRequest, call: Call
    ) -> pb.PauseChannelResponse:
        """Let a channel rest for the tenant."""
        mark = self.calls.mark(request, call)
        work = self.pauses.pause(call.tenant, request.channel, request.reason, mark)
        view = await self.calls.within(call, work)
        decided(call, request.channel, request.reason)
        return pb.PauseChannelResponse(channel=_channel(view))

    async def resume_channel(
        self, request: pb.ResumeChannelRequest, call: Call
    ) -> pb.ResumeChannelResponse:
        """Let a channel go on for the tenant."""
        mark = self.calls.mark(request, call)
        work = self.pauses.resume(call.tenant, request.channel, mark)
        view = await self.calls.within(call, work)
        decided(call, request.channel, "")
        return pb.ResumeChannelResponse(channel=_channel(view))


def _explanation(found: Explanation) -> pb.ExplainCardResponse:
    card, reason = found.card, found.not_asked
    last = None
    if card.last_outcome is not None and card.last_disposition is not None:
        last = messages.count(Counted(card.last_outcome, card.last_disposition), 1)
    return pb.ExplainCardResponse(
        enrollment=messages.enrollment(card),
        not_asked=None if reason is None else f"NOT_ASKED_REASON_{reason.value}",
        channel=found.channel,
        next_time=messages.timestamp(found.next_time),
        last_answer=last,
    )


def _channel(view: ChannelView) -> pb.Channel:
    return pb.Channel(
        channel=view.channel.name,
        format=view.channel.codec.name,
        brands=sorted(brand.value for brand in view.channel.policy.brands),
        shadow=view.shadow,
        pause=None
        if view.pause is None
        else pb.ChannelPause(
            reason=view.pause.reason,
            paused_by=view.pause.paused_by,
            pause_time=messages.timestamp(view.pause.paused_at),
        ),
    )
