"""Erase what has expired: cards past grace or time to live, old versions, ids and answers.

Everything that concerns a card goes through the ledger, so it is decided, audited and told like
any other change. A legal hold stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vault.domain.card import Card, CardKey, HoldType, holds_of
from vault.domain.intents import Caller, Entry, EraseCard, PurgeVersion, ReleaseParked
from vault.domain.outcome import Applied
from vault.domain.soundness import damaged
from vault.usecases.decide.removal import erasable
from vault.usecases.one_by_one import read_each
from vault.usecases.ports import (
    CommitInDoubt,
    DataDamaged,
    Housekeeping,
    Ledger,
    StoreFull,
    StoreUnavailable,
)

PRINCIPAL: Final = "cardvault:sweeper"
DAY_US: Final = 86_400_000_000
LEAST_ANSWER_AGE_US: Final = 31 * DAY_US
"""An updater keeps its files for 30 days, and may have them undone for as long."""


@dataclass(frozen=True, slots=True)
class SweepLimits:
    """How often, how much at a time, and how long request ids are kept."""

    interval_s: float = 30.0
    batch: int = 500
    batches: int = 20  # of each kind, a turn: traffic comes first
    pause_s: float = 0.05  # between batches
    request_age_us: int = 25 * 3_600_000_000
    answer_age_us: int = 400 * DAY_US

    def __post_init__(self) -> None:
        """Refuse to forget what callers may still need: request ids (24 h), answers (31 days)."""
        if self.request_age_us < DAY_US:
            raise ValueError("request ids are kept for 24 hours at least")
        if self.answer_age_us < LEAST_ANSWER_AGE_US:
            raise ValueError("answers are kept for 31 days at least: their files can be undone")


@dataclass(slots=True)
class SweepCounts:
    """What metrics read."""

    erased: int = 0
    purged_versions: int = 0
    purged_requests: int = 0
    purged_answers: int = 0
    purged_parked: int = 0
    looked_at_parked: int = 0
    purged_imprints: int = 0
    damaged: int = 0  # cards that were due, and stay: met again at every turn
    not_applied: int = 0  # tried again at the next turn
    failures: int = 0  # turns that a store in trouble cut short


class Sweeper:
    """Housekeeping. `run()` belongs in the service's TaskGroup."""

    def __init__(
        self,
        ledger: Ledger,
        housekeeping: Housekeeping,
        now_us: Callable[[], int],
        limits: SweepLimits = SweepLimits(),
    ) -> None:
        self._ledger: Final = ledger
        self._housekeeping: Final = housekeeping
        self._now_us: Final = now_us
        self._limits: Final = limits
        self.counts: Final = SweepCounts()

    async def run(self) -> None:
        """Sweep every interval, for ever."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._limits.interval_s)

    async def sweep(self) -> None:
        """Take one turn. A store in passing trouble ends it early; StoreBroken is raised."""
        try:
            await self._repeat(self._erase)
            await self._repeat(self._purge_versions)
            await self._repeat(self._purge_requests)
            await self._repeat(self._purge_answers)
            await self._repeat(self._purge_parked)
            await self._repeat(self._release_parked)
            await self._repeat(self._purge_imprints)
        except (StoreUnavailable, StoreFull, CommitInDoubt):
            self.counts.failures += 1

    async def _repeat(self, step: Callable[[], Awaitable[bool]]) -> None:
        for _batch in range(self._limits.batches):
            try:
                if not await step():
                    return
            except DataDamaged:  # a row that can't be read keeps nobody from the other steps
                self.counts.failures += 1
                return
            await asyncio.sleep(self._limits.pause_s)

    async def _erase(self) -> bool:
        """Erase a batch of cards; tell whether there may be more."""
        now = self._now_us()
        keys = await self._housekeeping.erasable(now, self._limits.batch)
        cards = await self._sound(keys)
        # Looked at before they are asked for: a refusal would be audited at every turn.
        due = [key for key in keys if key in cards and erasable(cards[key], now)]
        done = await self._apply([_entry(key, EraseCard(key.token)) for key in due])
        self.counts.erased += done
        return done > 0 and len(keys) == self._limits.batch

    async def _purge_versions(self) -> bool:
        now = self._now_us()
        found = await self._housekeeping.purgeable_versions(now, self._limits.batch)
        cards = await self._sound([key for key, _number in found])
        entries = [
            _entry(key, PurgeVersion(key.token, number))
            for key, number in found
            if key in cards and not _held(cards[key])
        ]
        done = await self._apply(entries)
        self.counts.purged_versions += done
        return done > 0 and len(found) == self._limits.batch

    async def _sound(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Read the cards that are as they were stored: nobody can tell what holds another has."""
        if not keys:
            return {}
        cards, unread = await read_each(self._ledger.read, keys)
        sound = {key: card for key, card in cards.items() if not damaged(card)}
        self.counts.damaged += len(unread) + len(cards) - len(sound)
        return sound

    async def _purge_requests(self) -> bool:
        before = self._now_us() - self._limits.request_age_us
        gone = await self._housekeeping.purge_requests(before, self._limits.batch)
        self.counts.purged_requests += gone
        return gone == self._limits.batch

    async def _purge_answers(self) -> bool:
        before = self._now_us() - self._limits.answer_age_us
        gone = await self._housekeeping.purge_answers(before, self._limits.batch)
        self.counts.purged_answers += gone
        return gone == self._limits.batch

    async def _purge_imprints(self) -> bool:
        """Forget what answers changed, when they are forgotten: they can't be undone any more."""
        before = self._now_us() - self._limits.answer_age_us
        gone = await self._housekeeping.purge_imprints(before, self._limits.batch)
        self.counts.purged_imprints += gone
        return gone == self._limits.batch

    async def _purge_parked(self) -> bool:
        gone = await self._housekeeping.purge_parked(self._now_us(), self._limits.batch)
        self.counts.purged_parked += gone
        return gone == self._limits.batch

    async def _release_parked(self) -> bool:
        """Have parked answers decided again that no flush came to: its process may have died."""
        numbers = await self._housekeeping.parked_due(self._now_us(), self._limits.batch)
        done = await self._apply(
            [Entry(Caller(tenant, PRINCIPAL), ReleaseParked(mac)) for tenant, mac in numbers]
        )
        self.counts.looked_at_parked += done
        return done > 0 and len(numbers) == self._limits.batch

    async def _apply(self, entries: Sequence[Entry]) -> int:
        if not entries:
            return 0
        outcomes = await self._ledger.apply(entries)
        done = sum([isinstance(outcome, Applied) for outcome in outcomes])
        self.counts.not_applied += len(entries) - done
        return done


def _entry(key: CardKey, intent: EraseCard | PurgeVersion) -> Entry:
    return Entry(Caller(key.tenant, PRINCIPAL), intent)


def _held(card: Card) -> bool:
    return any(hold.type == HoldType.LEGAL_HOLD for hold in holds_of(card))
