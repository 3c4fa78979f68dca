"""What came of a turn of the updater's work: counts, for metrics and for whoever runs it once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from updater.domain.feed import Counted
from updater.usecases.take_in import STANDING, Taken


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What was done. `trouble` names reasons that stopped a step; it goes on next time."""

    enrolled: int = 0
    inquiries: int = 0
    records_asked: int = 0
    taken: Mapping[Taken, int] = field(default_factory=dict)
    counts: Mapping[Counted, int] = field(default_factory=dict)
    feed_ids: Sequence[str] = ()
    unanswered: int = 0
    awaiting: int = 0
    listened: bool = False
    trouble: Sequence[str] = ()

    def plus(self, later: "CycleReport") -> "CycleReport":
        """Return this and what a later turn did; what waits, and is awaited, is as it was then."""
        standing = later if later.listened else self
        happened = {k: n for k, n in self.taken.items() if k not in STANDING}
        now = {k: n for k, n in standing.taken.items() if k in STANDING}
        since = {k: n for k, n in later.taken.items() if k not in STANDING}
        both = self._sum(later)
        taken = {**Counter(happened) + Counter(since), **now}
        return replace(both, taken=taken, awaiting=standing.awaiting)

    def beside(self, other: "CycleReport") -> "CycleReport":
        """Return this and what was done for another channel."""
        taken = {**Counter(self.taken) + Counter(other.taken)}
        awaiting = self.awaiting + other.awaiting
        return replace(self._sum(other), taken=taken, awaiting=awaiting)

    def _sum(self, other: "CycleReport") -> "CycleReport":
        return CycleReport(
            enrolled=self.enrolled + other.enrolled,
            inquiries=self.inquiries + other.inquiries,
            records_asked=self.records_asked + other.records_asked,
            counts={**Counter(self.counts) + Counter(other.counts)},
            feed_ids=(*self.feed_ids, *other.feed_ids),
            unanswered=self.unanswered + other.unanswered,
            listened=self.listened or other.listened,
            trouble=(*self.trouble, *other.trouble),
        )
