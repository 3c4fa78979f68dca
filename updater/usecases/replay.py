"""Bring an applied file's answers to the vault again: from its bytes, under the same update ids.

It serves to apply what was in the shadow, and to see that nothing else would change: the vault
knows what it was told before. Only records that were brought to the vault, or could have been, are
brought again; what repeated an earlier file of its batch stays unsaid.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from updater.domain.dispositions import Disposition
from updater.domain.errors import ChannelUnknown, FeedFileGone, FeedFileStateWrong
from updater.domain.feed import Answer, Counted, FeedFile, FeedReport, FeedState
from updater.usecases.apply import BATCH, decide, parts
from updater.usecases.correlate import NotSent, Told
from updater.usecases.ports import Clock
from updater.usecases.ports_exchange import Exchange
from updater.usecases.ports_store import FeedStore, PauseStore, RequestMark, RequestStore
from updater.usecases.ports_vault import Vault
from updater.usecases.reading import NotYet, Reader, Reading, Refused
from updater.usecases.take_in import largest_sealed
from updater.usecases.visible import file_of

_BEHIND_ALL_TOKENS: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where a channel's files lie that are done with, and how they are read."""

    exchange: Exchange
    reader: Reader


@dataclass(frozen=True, slots=True)
class Replay:
    """Replay files, one at a time: a file is in memory meanwhile.

    Safe to stop anywhere and to repeat: nothing is told twice, and every batch is kept by itself.
    """

    shelves: Mapping[str, Shelves]
    vault: Vault
    feeds: FeedStore
    pauses: PauseStore
    requests: RequestStore
    clock: Clock
    batch: int = BATCH
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(
        self, tenant: str, feed_id: str, mark: RequestMark, *, dry_run: bool
    ) -> tuple[FeedReport, Mapping[Counted, int]]:
        """Return the file as it was, and what this replay brought or, in a dry run, would bring.

        Raises FeedFileNotFound, FeedFileStateWrong, FeedFileGone, ChannelUnknown,
        RequestIdReused, VaultUnavailable.
        """
        file = await file_of(self.feeds, tenant, feed_id)
        report = await self.feeds.report(feed_id)
        await self.requests.keep(mark, feed_id, at=self.clock.now_us())
        async with self.turn:
            await self._check(file, dry_run=dry_run)
            shelves = self.shelves.get(file.channel)
            if shelves is None:
                raise ChannelUnknown("the file's channel is configured no more")
            reading = await self._read(file, shelves)
            brought = Counter[Counted]()
            async for part in parts(shelves.reader.records(reading), self.batch):
                await self._check(file, dry_run=dry_run)
                answers = await self._bring(file, part, dry_run=dry_run)
                brought.update(
                    Counted(each.outcome, each.disposition, each.shadow) for each in answers
                )
        return report, brought

    async def _check(self, file: FeedFile, *, dry_run: bool) -> None:
        """Make sure, before each batch, that the file still is to be replayed."""
        now = await self.feeds.find(file.feed_id)
        if now is None or now.state is not FeedState.APPLIED:
            raise FeedFileStateWrong("only a file that was applied is replayed")
        if not dry_run and (file.channel, file.tenant) in await self.pauses.paused():
            raise FeedFileStateWrong("its channel rests: only a dry run is possible")

    async def _read(self, file: FeedFile, shelves: Shelves) -> Reading:
        limit = largest_sealed(shelves.reader.channel)
        sealed = await shelves.exchange.reopen(file.name, limit=limit + 1)
        # Another file may have come under this name since.
        if sealed is None or hashlib.sha256(sealed).hexdigest() != file.sha256:
            raise FeedFileGone("the file is no longer kept")
        try:
            return await shelves.reader(file, sealed, anew=True)
        except (Refused, NotYet):
            raise FeedFileGone("the file can't be read with today's keys and settings") from None

    async def _bring(
        self, file: FeedFile, part: Sequence[Told], *, dry_run: bool
    ) -> Sequence[Answer]:
        first, last = part[0].answer.ordinal, part[-1].answer.ordinal
        unsaid = await self._unsaid(file.feed_id, first, last)
        told = [_again(each, unsaid, dry_run=dry_run) for each in part]
        answers = await decide(self.vault, file.tenant, told, batch=self.batch)
        if not dry_run:
            await self.feeds.replayed(file.feed_id, answers, at=self.clock.now_us())
        return answers

    async def _unsaid(
        self, feed_id: str, first: int, last: int
    ) -> Mapping[tuple[int, str], Answer]:
        """Return, of some records, the answers that only repeated another file's."""
        found: dict[tuple[int, str], Answer] = {}
        place = (first - 1, _BEHIND_ALL_TOKENS)
        while page := await self.feeds.answers(feed_id, after=place, limit=self.batch):
            for answer in page:
                if answer.ordinal > last:
                    return found
                if (answer.disposition, answer.reason) == _REPEATED:
                    found[answer.ordinal, answer.token] = answer
            place = (page[-1].ordinal, page[-1].token)
        return found


_REPEATED: Final = (Disposition.DUPLICATE, NotSent.REPEATED_ROW.value)


def _again(told: Told, unsaid: Mapping[tuple[int, str], Answer], *, dry_run: bool) -> Told:
    known = unsaid.get((told.answer.ordinal, told.answer.token))
    if known is not None:
        return Told(known, None)
    if told.update is None or not dry_run:
        return told
    return Told(told.answer, replace(told.update, dry_run=True))
