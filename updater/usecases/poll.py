"""Look at the inbox, and take in what has stopped growing."""

from collections.abc import Sequence
from dataclasses import dataclass

from updater.usecases.ports import Exchange, FeedStore
from updater.usecases.take_in import TakeIn, Taken, TakenIn


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at the inbox. Listings are at least once: a file may be seen again and again.

    A file counts as arrived when two looks in a row found the same size and time.
    """

    exchange: Exchange
    feeds: FeedStore
    take_in: TakeIn

    async def __call__(self) -> Sequence[TakenIn]:
        """Return what became of each file, in the order of their names. Raises VaultUnavailable."""
        seen = await self.feeds.sight(await self.exchange.arrivals())
        taken = []
        for sighting in sorted(seen, key=lambda each: each.name):
            if sighting.polls < 2:
                taken.append(TakenIn(Taken.WAITING))
            else:
                taken.append(await self.take_in(sighting))
        return taken
