"""Apply a validated file's answers over the vault, in batches; a crash in between costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace

from updater.domain.dispositions import Disposition
from updater.domain.feed import Answer, FeedFile, FeedState
from updater.usecases.correlate import Told
from updater.usecases.ports import Clock
from updater.usecases.ports_store import FeedStore, PauseStore
from updater.usecases.ports_vault import CardUpdate, UpdateResult, Vault
from updater.usecases.survey import BREATH

BATCH = 1_000  # the most that ApplyUpdates takes


@dataclass(frozen=True, slots=True)
class Apply:
    """Give every record of a file its dispositions. Records that have them are not sent again.

    A record that was applied and not yet noted is sent once more after a crash; the vault knows
    its `update_id`, calls it DUPLICATE, and says what it was: that is noted, so that a crash hides
    nothing an operator has to see. A pause stops it between two batches, and so does an operator
    who gives up on the file.
    """

    vault: Vault
    feeds: FeedStore
    pauses: PauseStore
    clock: Clock
    batch: int = BATCH

    async def __call__(self, file: FeedFile, records: Iterable[Sequence[Told]]) -> bool:
        """Apply records in their order; tell whether it was to the end, or was stopped.

        Raises VaultUnavailable, VaultRefused: the file goes on another time.
        """
        async for part in parts(records, self.batch):
            if not await self._goes_on(file):
                return False
            answers = await decide(
                self.vault, file.tenant, part, batch=self.batch, as_at_first=True
            )
            await self.feeds.record(file.feed_id, answers, at=self.clock.now_us())
        if not await self._goes_on(file):
            return False
        await self.feeds.applied(file.feed_id, self.clock.now_us())
        return True

    async def _goes_on(self, file: FeedFile) -> bool:
        """Tell whether its channel doesn't rest, and nobody has given up on the file."""
        now = await self.feeds.find(file.feed_id)
        if now is None or now.state is not FeedState.VALIDATED:
            return False
        return (file.channel, file.tenant) not in await self.pauses.paused()


async def decide(
    vault: Vault,
    tenant: str,
    told: Sequence[Told],
    *,
    batch: int = BATCH,
    as_at_first: bool = False,
) -> Sequence[Answer]:
    """Have the vault decide about answers; return them with what became of them, in order.

    `as_at_first`: what the vault knows already counts as what it was when it came first.
    """
    updates = [each.update for each in told if each.update is not None]
    results: list[UpdateResult] = []
    for start in range(0, len(updates), batch):
        decided = await vault.apply(tenant, updates[start : start + batch])
        results += map(_at_first, decided) if as_at_first else decided
    following = iter(results)
    answers: list[Answer] = []
    for each in told:
        if each.update is None:
            answers.append(each.answer)
        else:
            answers += _decided(each.answer, each.update, next(following))
    return answers


def _at_first(result: UpdateResult) -> UpdateResult:
    """Return a result with what duplicates were when they came first, as far as the vault says."""
    if not result.first:
        return result
    cards = [
        (token, result.first.get(token, each) if each is Disposition.DUPLICATE else each)
        for token, each in result.cards
    ]
    whole = result.disposition
    if whole is Disposition.DUPLICATE:  # then every card's was
        whole = result.first.get(result.token, whole)
    return replace(result, disposition=whole, cards=cards)


def _decided(answer: Answer, update: CardUpdate, result: UpdateResult) -> Sequence[Answer]:
    """Return what became of an answer: by number, for each card that it was found to be about."""
    whole = replace(answer, disposition=result.disposition, reason=result.reason)
    if update.token or not result.cards:
        return [whole]
    return [replace(whole, token=token, disposition=each) for token, each in result.cards]


async def parts(records: Iterable[Sequence[Told]], size: int) -> AsyncIterator[Sequence[Told]]:
    """Yield whole records, in parts of about `size` answers; let others have their turn."""
    part: list[Told] = []
    for number, told in enumerate(records, start=1):
        if part and len(part) + len(told) > size:
            yield part
            part = []
        part += told
        if number % BREATH == 0:
            await asyncio.sleep(0)
    if part:
        yield part
