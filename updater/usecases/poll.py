"""Look at the inbox, and take in what has stopped growing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from updater.domain.feed import Sighting
from updater.usecases.absences import Absences
from updater.usecases.ports_exchange import Exchange
from updater.usecases.ports_store import FeedStore
from updater.usecases.stalls import ENDS_THE_TURN, Failure, Stalls, failure_of
from updater.usecases.take_in import TakeIn, Taken, TakenIn


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at a channel's inbox. Listings are at least once: a file may be seen again.

    A file counts as arrived when two looks in a row found the same size and time. One that can't be
    dealt with keeps no other one waiting: it is tried again at the next look.
    """

    channel: str
    exchange: Exchange
    feeds: FeedStore
    take_in: TakeIn
    absences: Absences
    stalls: Stalls

    async def __call__(self) -> AsyncIterator[TakenIn]:
        """Yield what became of each file, in the order of their names. Raises StoreUnavailable."""
        seen = await self.feeds.sight(self.channel, await self.exchange.arrivals())
        met, arriving = set[str](), set[str]()
        failed: dict[str, Failure] = {}
        for sighting in sorted(seen, key=lambda each: each.name):
            if sighting.polls < 2:
                arriving.add(sighting.name)
                yield TakenIn(Taken.WAITING)
            else:
                taken = await self._taken(sighting, failed)
                # What failed before anything was known of it is there all the same.
                met.add(taken.feed_id) if taken.feed_id else arriving.add(sighting.name)
                yield taken
        await self.absences(met, arriving)
        await self.stalls(failed)

    async def _taken(self, sighting: Sighting, failed: dict[str, Failure]) -> TakenIn:
        try:
            return await self.take_in(sighting)
        except ENDS_THE_TURN:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, others are behind this file
            failure = failed[sighting.name] = failure_of(error)
            return TakenIn(Taken.WAITING, failure.feed_id, failure.trouble)
