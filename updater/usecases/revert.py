"""Take an applied file back: the vault undoes what its answers did, card by card."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from updater.domain.errors import FeedFileStateWrong
from updater.domain.feed import FeedFile, FeedReport, FeedState
from updater.usecases.ports import Clock
from updater.usecases.ports_store import FeedStore, RequestMark, RequestStore
from updater.usecases.ports_vault import Undone, Vault
from updater.usecases.visible import file_of

MOST_KEPT: Final = 1_000
"""Of so many cards that stay as they are, the tokens are told; of all, the number."""
_BROUGHT: Final = frozenset({FeedState.APPLIED, FeedState.REVERTED})
_KEPT: Final = frozenset({Undone.KEPT_NEWER, Undone.PARTLY_REVERTED, Undone.FAILED})


@dataclass(frozen=True, slots=True)
class Reverted:
    """What was taken back: the file, its cards by what was done, and some that stay."""

    report: FeedReport
    counts: Mapping[Undone, int]
    kept: Sequence[str]
    dropped_parked: int


@dataclass(slots=True)
class _Seen:
    """What the vault said of a file's cards, page after page."""

    counts: Counter[Undone] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)
    dropped: int = 0

    def add_late(self, late: "_Seen") -> None:
        """Add what came between the pages: of the rest all was said before."""
        news = (Undone.REVERTED, Undone.FAILED)
        self.counts.update({each: late.counts[each] for each in news if late.counts[each]})
        self.dropped += late.dropped


@dataclass(frozen=True, slots=True)
class Revert:
    """Take files back, page by page; what stopped half way is finished by the same call again.

    Of a file that was taken back, or given up on before anything of it was noted, nothing is left
    to undo, but for what a process brought that stopped at the wrong moment: it may be repeated.
    """

    vault: Vault
    feeds: FeedStore
    requests: RequestStore
    clock: Clock
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The replays' too: none of them brings again what goes meanwhile."""

    async def __call__(
        self,
        tenant: str,
        feed_id: str,
        mark: RequestMark,
        *,
        dry_run: bool,
        reason: str = "",
        begin: Callable[[], None] = lambda: None,
    ) -> Reverted:
        """Take a file back, or say what that would do; `begin` hears that it isn't refused.

        A request leaves its mark once no card has failed. Raises FeedFileNotFound,
        FeedFileStateWrong, RequestIdReused, VaultUnavailable.
        """
        if dry_run:
            file = await self._checked(tenant, feed_id, mark)
            begin()
            seen = await self._undone(file, mark, dry_run=True)
            await self.requests.keep(mark, feed_id, at=self.clock.now_us())
        else:
            async with self.turn:
                file = await self._checked(tenant, feed_id, mark)
                begin()
                seen = await self._taken_back(file, mark, reason)
        report = await self.feeds.report(feed_id)
        return Reverted(report, seen.counts, seen.kept, seen.dropped)

    async def _checked(self, tenant: str, feed_id: str, mark: RequestMark) -> FeedFile:
        file = await file_of(self.feeds, tenant, feed_id)
        await self.requests.known(mark)
        if file.state not in _BROUGHT and not file.given_up:
            raise FeedFileStateWrong("only a file that was applied is taken back")
        return file

    async def _taken_back(self, file: FeedFile, mark: RequestMark, reason: str) -> _Seen:
        seen = await self._undone(file, mark, dry_run=False)
        now = self.clock.now_us()
        if seen.counts[Undone.FAILED]:
            return seen  # no mark: the same call goes on once the cards are mended
        if file.state is not FeedState.APPLIED:
            await self.requests.keep(mark, file.feed_id, at=now)
            return seen
        # Last: until then the file counts as applied, and the vault takes every page again.
        await self.feeds.reverted(file.feed_id, reason, at=now, mark=mark)
        # A replay in another process may have brought something behind the pages' back. What it
        # brings from now on it undoes itself, for it looks at the state again (`Replay`).
        seen.add_late(await self._undone(file, mark, dry_run=False))
        return seen

    async def _undone(self, file: FeedFile, mark: RequestMark, *, dry_run: bool) -> _Seen:
        seen = _Seen()
        pages = self.vault.revert(
            file.tenant, file.channel, file.feed_id, request_id=mark.request_id, dry_run=dry_run
        )
        async for page in pages:
            seen.counts.update(card.undone for card in page.cards)
            seen.kept += [card.token for card in page.cards if card.undone in _KEPT]
            del seen.kept[MOST_KEPT:]
            seen.dropped += page.dropped_parked
        return seen
