"""Bring an applied file's answers to the vault again: from its bytes, under the same update ids.

It serves to apply what was in the shadow, and to see that nothing else would change: same files,
same decisions. Brought again is what was in the shadow, and what the vault knows by its update id.
The rest it would decide anew, over the cards of today; so that stays as it was decided: what
repeated an earlier file of its batch, what found no card, and every answer by number.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from updater.domain.dispositions import Disposition, NotSent
from updater.domain.errors import ChannelUnknown, FeedFileGone, FeedFileStateWrong
from updater.domain.feed import Answer, Counted, FeedFile, FeedReport, FeedState
from updater.usecases.apply import BATCH, decide, parts
from updater.usecases.correlate import Told
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
        self,
        tenant: str,
        feed_id: str,
        mark: RequestMark,
        *,
        dry_run: bool,
        begin: Callable[[], None] = lambda: None,
    ) -> tuple[FeedReport, Mapping[Counted, int]]:
        """Return the file as it was, and what this replay brought or, in a dry run, would bring.

        A refused request leaves no mark, and `begin` doesn't hear of it. Raises FeedFileNotFound,
        FeedFileStateWrong, FeedFileGone, ChannelUnknown, RequestIdReused, VaultUnavailable.
        """
        file = await file_of(self.feeds, tenant, feed_id)
        report = await self.feeds.report(feed_id)
        await self.requests.known(mark)
        async with self.turn:
            await self._check(file, dry_run=dry_run)
            shelves = self.shelves.get(file.channel)
            if shelves is None:
                raise ChannelUnknown("the file's channel is configured no more")
            reading = await self._read(file, shelves)
            await self.requests.keep(mark, feed_id, at=self.clock.now_us())
            begin()
            brought = Counter[Counted]()
            async for part in parts(shelves.reader.records(reading), self.batch):
                await self._check(file, dry_run=dry_run)
                answers = await self._bring(file, part, mark, dry_run=dry_run)
                brought.update(
                    Counted(each.outcome, each.disposition, each.shadow) for each in answers
                )
        return report, brought

    async def _check(self, file: FeedFile, *, dry_run: bool) -> None:
        """Make sure, before each batch, that the file still is to be replayed."""
        now = await self.feeds.find(file.feed_id)
        if now is None or now.state is not FeedState.APPLIED:
            raise FeedFileStateWrong("only a file that was applied is replayed")
        if now.given_up:
            raise FeedFileStateWrong("the rest of it was given up")
        if not dry_run and (file.channel, file.tenant) in await self.pauses.paused():
            raise FeedFileStateWrong("its channel rests: only a dry run is possible")

    async def _read(self, file: FeedFile, shelves: Shelves) -> Reading:
        limit = largest_sealed(shelves.reader.channel)
        sealed = await shelves.exchange.reopen(file, limit=limit + 1)
        # What a release before has shelved may be another file of this name.
        if sealed is None or hashlib.sha256(sealed).hexdigest() != file.sha256:
            raise FeedFileGone("the file is no longer kept")
        try:
            return await shelves.reader(file, sealed, anew=True)
        except (Refused, NotYet):
            raise FeedFileGone("the file can't be read with today's keys and settings") from None

    async def _bring(
        self, file: FeedFile, part: Sequence[Told], mark: RequestMark, *, dry_run: bool
    ) -> Sequence[Answer]:
        first, last = part[0].answer.ordinal, part[-1].answer.ordinal
        known = await self._known(file.feed_id, first, last)
        told: list[Told] = []
        for each in part:
            told += _again(each, known.get(each.answer.ordinal, ()), dry_run=dry_run)
        answers = await decide(self.vault, file.tenant, told, batch=self.batch)
        if not dry_run:
            await self._undo_if_reverted(file, mark)
            await self.feeds.replayed(file.feed_id, answers, at=self.clock.now_us())
        return answers

    async def _undo_if_reverted(self, file: FeedFile, mark: RequestMark) -> None:
        """Take back what was just brought, if another process has taken the file back meanwhile.

        Raises FeedFileStateWrong then. See `Revert`, which looks once more for what came before.
        """
        now = await self.feeds.find(file.feed_id)
        if now is None or now.state is not FeedState.REVERTED:
            return
        async for _ in self.vault.revert(
            file.tenant, file.channel, file.feed_id, request_id=mark.request_id, dry_run=False
        ):
            pass
        raise FeedFileStateWrong("the file was taken back meanwhile")

    async def _known(self, feed_id: str, first: int, last: int) -> Mapping[int, Sequence[Answer]]:
        """Return what is kept of some records, by their ordinals."""
        found: dict[int, list[Answer]] = {}
        place = (first - 1, _BEHIND_ALL_TOKENS)
        while page := await self.feeds.answers(feed_id, after=place, limit=self.batch):
            for answer in page:
                if answer.ordinal > last:
                    return found
                found.setdefault(answer.ordinal, []).append(answer)
            place = (page[-1].ordinal, page[-1].token)
        return found


_REPEATED: Final = (Disposition.DUPLICATE, NotSent.REPEATED_ROW.value)
_OF_NO_CARD: Final = frozenset({Disposition.NOT_FOUND, Disposition.REJECTED})
"""Dispositions that the vault keeps nothing of, where they are about no card."""


def _again(told: Told, known: Sequence[Answer], *, dry_run: bool) -> Sequence[Told]:
    """Return what of a record's answer is said again; `known` is what is kept of the record."""
    kept = {each.token: each for each in known}.get(told.answer.token)
    if told.update is not None and not told.update.token:
        decided = [_decided(each) for each in known if not each.shadow]
        if decided:
            return decided
    if kept is not None and _unsaid(kept):
        return [Told(kept, None)]
    if told.update is None or not dry_run:
        return [told]
    return [Told(told.answer, replace(told.update, dry_run=True))]


def _unsaid(kept: Answer) -> bool:
    if (kept.disposition, kept.reason) == _REPEATED:
        return True
    return kept.disposition is Disposition.NOT_FOUND and not kept.shadow


def _decided(kept: Answer) -> Told:
    """Return an answer by number as one that is said again: what it did it has done."""
    if not kept.token and kept.disposition in _OF_NO_CARD:
        return Told(kept, None)
    return Told(replace(kept, disposition=Disposition.DUPLICATE), None)
