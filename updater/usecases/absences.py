"""Notice files whose bytes have left the inbox before they were dealt with.

Somebody has moved or deleted such a file, and further files of its inquiry wait for it: an operator
is told, and brings it back or gives up on it (`holds.py`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from updater.domain.feed import ExceptionKind, FeedFile, Incident, Sighting
from updater.usecases.ports import Clock
from updater.usecases.ports_store import FeedStore

NOT_IN_THE_INBOX: Final = "NOT_IN_THE_INBOX"
_COUNTED_AS: Final = "#missing"
"""What is missing is counted as what is there is, under a name that no channel can have."""


@dataclass(frozen=True, slots=True)
class Absences:
    """Count the looks in a row that found a file nowhere; after `patience` of them say so, once.

    That its bytes are back, under whatever name, is noted where they are met (`TakeIn`).
    """

    channel: str
    feeds: FeedStore
    clock: Clock
    patience: int

    async def __call__(self, met: Collection[str], arriving: Collection[str]) -> None:
        """Take note of a look: the ids of files it met, and the names it hasn't read yet."""
        gone = [
            file
            for file in await self.feeds.unsettled(self.channel)
            if file.feed_id not in met and file.name not in arriving
        ]
        looks = [Sighting(file.feed_id, 0, 0) for file in gone]
        counted = await self.feeds.sight(self.channel + _COUNTED_AS, looks)
        polls = {each.name: each.polls for each in counted}
        for file in gone:
            if file.missing_since is None and polls[file.feed_id] >= self.patience:
                await self.feeds.missing(file.feed_id, self._incident(file))

    def _incident(self, file: FeedFile) -> Incident:
        now = self.clock.now_us()
        return Incident(
            ExceptionKind.FILE_MISSING,
            f"{file.feed_id}/{now}",  # a file may be missing more than once
            NOT_IN_THE_INBOX,
            opened_at=now,
            tenant=file.tenant,
            channel=file.channel,
            feed_id=file.feed_id,
        )
