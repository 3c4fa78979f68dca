"""A ledger that remembers what it was given, and answers as told."""

from collections.abc import Mapping, Sequence

from vault.domain.card import Card, CardKey
from vault.domain.intents import Entry
from vault.domain.outcome import Applied, NotApplied, Outcome
from vault.domain.reasons import Reason
from vault.usecases.ledger.state import NumberKey
from vault.usecases.ports import StoreError


class FakeLedger:
    """Applies everything, or nothing while `refusing`; `cards` is what `read` finds."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.cards: dict[CardKey, Card] = {}
        self.refusing = False

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        if self.refusing:
            return [NotApplied(Reason.OVERLOADED)] * len(entries)
        self.entries += entries
        return [Applied(None)] * len(entries)

    async def read(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        return {key: self.cards[key] for key in keys if key in self.cards}


class FakeHousekeeping:
    """Answers from lists; what a ledger has applied is gone at the next question."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self.due: list[CardKey] = []
        self.old: list[tuple[CardKey, int]] = []
        self.requests = 0
        self.before = 0
        self.answers = 0
        self.answers_before = 0
        self.parked: list[NumberKey] = []
        self.waited = 0
        self.imprints = 0
        self.imprints_before = 0
        self.calls = 0
        self.fault: StoreError | None = None

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        self._asked(now)
        gone = {entry.card_key for entry in self._ledger.entries}
        return [key for key in self.due if key not in gone][:limit]

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        self._asked(now)
        gone = {
            (entry.card_key, getattr(entry.intent, "credential_version", 0))
            for entry in self._ledger.entries
        }
        return [each for each in self.old if each not in gone][:limit]

    async def purge_requests(self, before: int, limit: int) -> int:
        self._asked(before)
        self.before = before
        gone = min(self.requests, limit)
        self.requests -= gone
        return gone

    async def purge_answers(self, before: int, limit: int) -> int:
        self._asked(before)
        self.answers_before = before
        gone = min(self.answers, limit)
        self.answers -= gone
        return gone

    async def purge_imprints(self, before: int, limit: int) -> int:
        self._asked(before)
        self.imprints_before = before
        gone = min(self.imprints, limit)
        self.imprints -= gone
        return gone

    async def parked_due(self, now: int, limit: int) -> list[NumberKey]:
        self._asked(now)
        due, self.parked = self.parked[:limit], self.parked[limit:]
        return due

    async def purge_parked(self, now: int, limit: int) -> int:
        self._asked(now)
        gone = min(self.waited, limit)
        self.waited -= gone
        return gone

    def _asked(self, time: int) -> None:
        assert time > 0
        self.calls += 1
        if self.fault is not None:
            raise self.fault
