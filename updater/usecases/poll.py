"""Look at the inbox, and take in what has stopped growing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from updater.usecases.ports_exchange import Exchange
from updater.usecases.ports_store import FeedStore
from updater.usecases.take_in import TakeIn, Taken, TakenIn


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at a channel's inbox. Listings are at least once: a file may be seen again.

    A file counts as arrived when two looks in a row found the same size and time.
    """

    channel: str
    exchange: Exchange
    feeds: FeedStore
    take_in: TakeIn

    async def __call__(self) -> AsyncIterator[TakenIn]:
        """Yield what became of each file, in the order of their names. Raises VaultUnavailable."""
        seen = await self.feeds.sight(self.channel, await self.exchange.arrivals())
        for sighting in sorted(seen, key=lambda each: each.name):
            if sighting.polls < 2:
                yield TakenIn(Taken.WAITING)
            else:
                yield await self.take_in(sighting)
