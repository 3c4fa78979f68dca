"""An operator's word about a file that waits: its answers are applied, or never."""

from dataclasses import dataclass

from updater.domain.feed import FeedReport, FeedState
from updater.usecases.ports import Clock
from updater.usecases.ports_store import FeedStore, RequestMark
from updater.usecases.visible import file_of


@dataclass(frozen=True, slots=True)
class Holds:
    """Release or refuse files; the worker does the rest when it next looks at them."""

    feeds: FeedStore
    clock: Clock

    async def approve(
        self, tenant: str, feed_id: str, reason: str, mark: RequestMark
    ) -> FeedReport:
        """Release a file: it goes on where the check of its bounds has stopped it.

        Raises FeedFileNotFound, FeedFileStateWrong, RequestIdReused.
        """
        return await self._decide(tenant, feed_id, FeedState.VALIDATED, reason, mark)

    async def reject(self, tenant: str, feed_id: str, reason: str, mark: RequestMark) -> FeedReport:
        """Refuse a file: it is quarantined. Raises as `approve` does.

        Also a VALIDATED one that stands still (its channel rests for the tenant, or its bytes are
        gone): no more of it is applied, but for the batch that the vault is deciding just then. One
        that was begun is APPLIED, so that it can be taken back (`Revert`).
        """
        return await self._decide(tenant, feed_id, FeedState.QUARANTINED, reason, mark)

    async def _decide(
        self, tenant: str, feed_id: str, state: FeedState, reason: str, mark: RequestMark
    ) -> FeedReport:
        await file_of(self.feeds, tenant, feed_id)
        await self.feeds.release(feed_id, state, reason, at=self.clock.now_us(), mark=mark)
        return await self.feeds.report(feed_id)
