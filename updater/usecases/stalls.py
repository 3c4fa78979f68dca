"""Tell an operator of files that fail at look after look, while others behind them go on."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from updater.domain.errors import StorageFull, StoreUnavailable, UpdaterError, VaultUnavailable
from updater.domain.feed import ExceptionKind, FeedFile, Incident, Sighting
from updater.usecases.ports import Clock
from updater.usecases.ports_store import FeedStore, IncidentStore

ENDS_THE_TURN: Final = (StoreUnavailable, StorageFull)
"""What no other file would fare better with: the store's, and another process's being at work."""
LONGER_WHILE_AWAY: Final = 10
"""How many times the patience a vault gets that is away: it comes back by itself, and is seen to be
away elsewhere. One that fails at one file's answers alone is told of all the same."""
_COUNTED_AS: Final = "#failed"
"""What fails is counted as what is there is, under a name that no channel can have."""


class Stalled(Exception):
    """A file that was found good could not be gone on with: which one, and for what reason."""

    def __init__(self, file: FeedFile, error: Exception) -> None:
        super().__init__(reason_of(error))
        self.file: Final = file
        self.error: Final = error


@dataclass(frozen=True, slots=True)
class Failure:
    """How a look at one file failed; `file` is None where nothing is known of it yet."""

    error: Exception
    file: FeedFile | None = None

    @property
    def feed_id(self) -> str:
        """Return the file's id, or nothing."""
        return "" if self.file is None else self.file.feed_id

    @property
    def trouble(self) -> str:
        """Return what is logged: a reason, and for what nobody foresaw where it happened."""
        reason = reason_of(self.error)
        frames = traceback.extract_tb(self.error.__traceback__)
        if isinstance(self.error, UpdaterError) or not frames:
            return reason
        return f"{reason}@{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def failure_of(error: Exception) -> Failure:
    """Return what is known of a failed look."""
    if isinstance(error, Stalled):
        return Failure(error.error, error.file)
    return Failure(error)


def reason_of(error: Exception) -> str:
    """Return an error's public reason; of what nobody foresaw its type, and never its text."""
    if isinstance(error, UpdaterError):
        return error.reason.value
    return f"UNEXPECTED:{type(error).__name__}"


@dataclass(frozen=True, slots=True)
class Stalls:
    """Count the looks in a row at which a file failed; after `patience` of them say so, once.

    The exception of a file that was found good is resolved by itself once the file is applied. What
    fails before anything is known of it has one for the whole channel, which names no file.
    """

    channel: str
    feeds: FeedStore
    incidents: IncidentStore
    clock: Clock
    patience: int

    async def __call__(self, failed: Mapping[str, Failure]) -> None:
        """Take note of a look: what failed, by the name that it has in the inbox."""
        looks = [Sighting(name, 0, 0) for name in failed]
        for seen in await self.feeds.sight(self.channel + _COUNTED_AS, looks):
            failure = failed[seen.name]
            away = isinstance(failure.error, VaultUnavailable)
            if seen.polls >= self.patience * (LONGER_WHILE_AWAY if away else 1):
                await self.incidents.open(self._incident(failure))

    def _incident(self, failure: Failure) -> Incident:
        return Incident(
            ExceptionKind.APPLY_REFUSED,
            failure.feed_id or f"{self.channel}/inbox",
            reason_of(failure.error),
            opened_at=self.clock.now_us(),
            tenant="" if failure.file is None else failure.file.tenant,
            channel=self.channel,
            feed_id=failure.feed_id,
        )
