"""Channels as a tenant has them: which there are, which rest, and which are in the shadow."""

from collections.abc import Sequence
from dataclasses import dataclass

from updater.domain.errors import ChannelUnknown
from updater.usecases.channel import Channel
from updater.usecases.ports import Clock
from updater.usecases.ports_store import Pause, PauseStore, RequestMark


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel for one tenant: whether its answers change anything, and why it rests if so."""

    channel: Channel
    shadow: bool
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class Pauses:
    """Show channels, let them rest, and let them go on. A pause is one tenant's."""

    channels: Sequence[Channel]
    pauses: PauseStore
    clock: Clock

    async def all(self, tenant: str) -> Sequence[ChannelView]:
        """Return every channel, in the order in which they are asked."""
        paused = await self.pauses.paused()
        return [_view(each, tenant, paused.get((each.name, tenant))) for each in self.channels]

    async def pause(self, tenant: str, name: str, reason: str, mark: RequestMark) -> ChannelView:
        """Let a channel rest; one that rests stays so, for its own reason.

        A late retry begins nothing: it returns the channel as it is by now.

        Raises ChannelUnknown, RequestIdReused.
        """
        channel = self._channel(name)
        now = self.clock.now_us()
        wanted = Pause(name, tenant, reason, mark.principal, now)
        return _view(channel, tenant, await self.pauses.pause(wanted, mark))

    async def resume(self, tenant: str, name: str, mark: RequestMark) -> ChannelView:
        """Let a channel go on. Raises ChannelUnknown, RequestIdReused."""
        channel = self._channel(name)
        await self.pauses.resume(name, tenant, at=self.clock.now_us(), mark=mark)
        # As it is now: after a repeated request somebody else may have paused it again.
        return _view(channel, tenant, (await self.pauses.paused()).get((name, tenant)))

    def _channel(self, name: str) -> Channel:
        found = next((each for each in self.channels if each.name == name), None)
        if found is None:
            raise ChannelUnknown("no channel of this name is configured")
        return found


def _view(channel: Channel, tenant: str, pause: Pause | None) -> ChannelView:
    shadow = channel.shadow.everything or tenant in channel.shadow.tenants
    return ChannelView(channel, shadow, pause)
