"""The ledger's waiting line: bounded in entries and bytes, fair between tenants."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.spans import Span
from vault.domain.intents import Entry
from vault.domain.outcome import NotApplied, Outcome
from vault.domain.reasons import Reason


@dataclass(slots=True, eq=False)
class Waiting:
    """An entry in the line and whoever waits for its outcome."""

    entry: Entry
    call: Call
    index: int

    def answer(self, outcome: Outcome) -> None:
        """Tell the caller; the call is over when all its entries are answered."""
        self.call.answer(self.index, outcome)


@dataclass(slots=True, eq=False)
class Call:
    """One `apply`: its outcomes in order, and the future that ends it."""

    done: asyncio.Future[list[Outcome]]
    outcomes: list[Outcome | None]
    open: int
    span: Span | None = None  # of the wait, where the call is sampled

    def answer(self, index: int, outcome: Outcome) -> None:
        """Record one outcome; the first one stands."""
        if self.outcomes[index] is not None:
            return
        self.outcomes[index] = outcome
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result([each for each in self.outcomes if each is not None])


@dataclass(slots=True)
class Line:
    """Entries by tenant, taken in turns, so that one tenant's flood delays only itself."""

    max_entries: int
    max_bytes: int
    entries: int = 0
    bytes: int = 0
    aside: int = 0  # entries that wait for their tenant's keys: out of turn, not out of the bounds
    aside_bytes: int = 0
    _tenants: OrderedDict[str, deque[Waiting]] = field(default_factory=OrderedDict)

    def has_room(self, entries: Sequence[Entry]) -> bool:
        """Tell whether all of these still fit; an empty line takes any one call."""
        size = sum([entry.size for entry in entries])
        waiting = self.entries + self.aside
        fits = (
            waiting + len(entries) <= self.max_entries
            and self.bytes + self.aside_bytes + size <= self.max_bytes
        )
        return fits or not waiting

    def add(self, call: Call, entries: Sequence[Entry]) -> None:
        """Put a call's entries at the end of their tenants' lines."""
        caller, queue = None, deque[Waiting]()
        for index, entry in enumerate(entries):
            if entry.caller is not caller:  # one, of nearly all calls
                caller = entry.caller
                queue = self._tenants.setdefault(caller.tenant, deque())
            queue.append(Waiting(entry, call, index))
            self.bytes += entry.size
        self.entries += len(entries)

    def set_aside(self, waiting: Waiting) -> None:
        """Count an entry that was taken and has to wait for its tenant's keys."""
        self.aside += 1
        self.aside_bytes += waiting.entry.size

    def give_up(self, batch: Sequence[Waiting]) -> None:
        """Count entries that were set aside no more."""
        self.aside -= len(batch)
        self.aside_bytes -= sum([waiting.entry.size for waiting in batch])

    def put_back(self, batch: Sequence[Waiting]) -> None:
        """Put entries that were set aside at the front: their keys are there."""
        self.give_up(batch)
        for waiting in reversed(batch):
            queue = self._tenants.setdefault(waiting.entry.caller.tenant, deque())
            queue.appendleft(waiting)
            self.entries += 1
            self.bytes += waiting.entry.size

    def take(self, most: int, most_bytes: int) -> list[Waiting]:
        """Take the next flush: tenants in turn, each one's entries in order of arrival."""
        if len(self._tenants) == 1 and self.entries <= most and self.bytes <= most_bytes:
            _tenant, queue = self._tenants.popitem()
            self.entries = self.bytes = 0
            return _wanted(queue)
        taken: list[Waiting] = []
        size = 0
        while self._tenants and len(taken) < most and size < most_bytes:
            tenant, queue = self._tenants.popitem(last=False)
            waiting = queue.popleft()
            taken.append(waiting)
            size += waiting.entry.size
            self.entries -= 1
            self.bytes -= waiting.entry.size
            if queue:
                self._tenants[tenant] = queue  # to the end of the round
        return _wanted(taken)


def _wanted(batch: deque[Waiting] | list[Waiting]) -> list[Waiting]:
    """Drop callers that gave up; from here on nobody can, since a commit is never cancelled."""
    wanted = []
    for waiting in batch:
        still = waiting.entry.still_wanted
        if waiting.call.done.done() or (still is not None and not still()):
            waiting.answer(NotApplied(Reason.DEADLINE_EXCEEDED))
        else:
            wanted.append(waiting)
    return wanted
