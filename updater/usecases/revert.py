"""Take an applied file back: the vault undoes what its answers did, card by card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from updater.domain.errors import FeedFileStateWrong
from updater.domain.feed import FeedReport, FeedState
from updater.usecases.ports import Clock
from updater.usecases.ports_store import FeedStore, RequestMark, RequestStore
from updater.usecases.ports_vault import Undone, Vault
from updater.usecases.visible import file_of

MOST_KEPT: Final = 1_000
"""Of so many cards that stay as they are, the tokens are told; of all, the number."""
_KEPT: Final = frozenset({Undone.KEPT_NEWER, Undone.PARTLY_REVERTED, Undone.FAILED})


@dataclass(frozen=True, slots=True)
class Reverted:
    """What was taken back: the file, its cards by what was done, and some that stay."""

    report: FeedReport
    counts: Mapping[Undone, int]
    kept: Sequence[str]
    dropped_parked: int


@dataclass(frozen=True, slots=True)
class Revert:
    """Take files back, page by page; what stopped half way is finished by the same call again."""

    vault: Vault
    feeds: FeedStore
    requests: RequestStore
    clock: Clock

    async def __call__(
        self, tenant: str, feed_id: str, mark: RequestMark, *, dry_run: bool
    ) -> Reverted:
        """Take a file back, or say what that would do.

        Raises FeedFileNotFound, FeedFileStateWrong, RequestIdReused, VaultUnavailable.
        """
        file = await file_of(self.feeds, tenant, feed_id)
        again = await self.requests.known(mark)
        done = file.state is FeedState.REVERTED and again
        if file.state is not FeedState.APPLIED and not done:
            raise FeedFileStateWrong("only a file that was applied is taken back")
        counts = Counter[Undone]()
        kept: list[str] = []
        dropped = 0
        pages = self.vault.revert(
            tenant, file.channel, feed_id, request_id=mark.request_id, dry_run=dry_run
        )
        async for page in pages:
            counts.update(card.undone for card in page.cards)
            kept += [card.token for card in page.cards if card.undone in _KEPT]
            del kept[MOST_KEPT:]
            dropped += page.dropped_parked
        now = self.clock.now_us()
        if dry_run or counts[Undone.FAILED]:
            await self.requests.keep(mark, feed_id, at=now)
        else:  # last: until then the file counts as applied, and the vault takes every page again
            await self.feeds.reverted(feed_id, at=now, mark=mark)
        return Reverted(await self.feeds.report(feed_id), counts, kept, dropped)
