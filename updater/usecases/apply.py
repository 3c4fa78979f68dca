"""Apply a validated file's answers over the vault, in batches; a crash in between costs nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from updater.domain.dispositions import Disposition
from updater.domain.feed import Answer, FeedFile
from updater.usecases.correlate import Told
from updater.usecases.ports import CardUpdate, Clock, FeedStore, Vault

BATCH = 1_000  # the most that ApplyUpdates takes


@dataclass(frozen=True, slots=True)
class Apply:
    """Give every answer its disposition. Answers that have one are not sent again.

    An answer that was applied and not yet noted is sent once more after a crash; the vault knows
    its `update_id` and calls it DUPLICATE.
    """

    vault: Vault
    feeds: FeedStore
    clock: Clock
    batch: int = BATCH

    async def __call__(self, file: FeedFile, told: Sequence[Told]) -> None:
        """Apply in the file's order. Raises VaultUnavailable: the file goes on another time."""
        pending = set(await self.feeds.pending(file.feed_id))
        rest = [each for each in told if (each.answer.ordinal, each.answer.token) in pending]
        for part in _parts(rest, self.batch):
            results = await self._decide(file.tenant, part)
            await self.feeds.record(file.feed_id, results, at=self.clock.now_us())
        await self.feeds.applied(file.feed_id, self.clock.now_us())

    async def _decide(
        self, tenant: str, part: Sequence[Told]
    ) -> Sequence[tuple[Answer, Disposition, str]]:
        updates: list[CardUpdate] = [each.update for each in part if each.update is not None]
        results = iter(await self.vault.apply(tenant, updates) if updates else ())
        decided = []
        for each in part:
            if each.update is None:
                reason = each.answer.note or each.answer.outcome
                decided.append((each.answer, Disposition.NOT_SENT, reason.value))
            else:
                result = next(results)
                decided.append((each.answer, result.disposition, result.reason))
        return decided


def _parts(rest: Sequence[Told], size: int) -> Iterator[Sequence[Told]]:
    for start in range(0, len(rest), size):
        yield rest[start : start + size]
