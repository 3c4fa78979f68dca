"""Audit refused calls, so that a flood of them can't fill the audit: in full, then counted.

The first refusals of a principal in a minute are recorded one by one; the rest are counted, and
one record tells how many when the minute is over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from chassis.clock import Clock
from vault.domain.audit import REFUSALS, counted_note
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Applied
from vault.usecases.ports import Ledger

ACTION: Final = REFUSALS
OTHERS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class RefusalLimits:
    """How much is recorded in full, for how many principals."""

    recorded: int = 10  # a principal and window
    window_s: float = 60.0
    wait_s: float = 5.0  # for a refusal's own record; then it is counted, and its caller told
    principals: int = 10_000
    tick_s: float = 1.0


@dataclass(slots=True)
class RefusalCounts:
    """What metrics read."""

    recorded: int = 0
    counted: int = 0  # those past the limit, and those whose caller or time did not wait
    lost: int = 0  # that the ledger did not take: alarm on any


class _Who(NamedTuple):
    tenant: str
    principal: str


@dataclass(slots=True)
class _Window:
    """One principal's minute."""

    ends: float
    recorded: int = 0
    counted: Counter[str] = field(default_factory=Counter)


class RefusalAudit:
    """Records refusals through the ledger. `run()` belongs in the TaskGroup; `flush()` last."""

    def __init__(
        self, ledger: Ledger, clock: Clock, limits: RefusalLimits = RefusalLimits()
    ) -> None:
        self._ledger: Final = ledger
        self._clock: Final = clock
        self._limits: Final = limits
        self._windows: dict[_Who, _Window] = {}
        self.counts: Final = RefusalCounts()

    async def refused(self, caller: Caller, note: Note) -> None:
        """Record a refused call, or count it. Returns when it is durable, or counted.

        `note.action` is what was asked for, `note.reason` a `Reason`. Never raises for a ledger
        that doesn't take it: the call is refused anyway, and the loss is counted. A caller that
        hangs up takes its record out of the line, not out of the count: the minute's summary tells
        of it (of one that was being written, too: rather twice than never).
        """
        who = _Who(caller.tenant, caller.principal)
        window = self._window(who)
        if window.recorded >= self._limits.recorded:
            self._count(who, note)
            return
        window.recorded += 1
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._record([Entry(caller, note)])
        except TimeoutError:
            self._count(who, note)
        except asyncio.CancelledError:
            self._count(who, note)
            raise

    async def run(self) -> None:
        """Write the counts of minutes that are over, for ever."""
        while True:
            await asyncio.sleep(self._limits.tick_s)
            await self.tick()

    async def tick(self) -> None:
        """Write the counts of minutes that are over."""
        now = self._clock.monotonic()
        await self._close([who for who, window in self._windows.items() if now >= window.ends])

    async def flush(self) -> None:
        """Write all counts, before the ledger stops."""
        await self._close(list(self._windows))

    def _count(self, who: _Who, note: Note) -> None:
        self._window(who).counted[note.reason] += 1
        self.counts.counted += 1

    def _window(self, who: _Who) -> _Window:
        window = self._windows.get(who)
        if window is None and len(self._windows) >= self._limits.principals:
            who = _Who("", OTHERS)  # a bound on memory is worth more than these names
            window = self._windows.get(who)
        now = self._clock.monotonic()
        if window is None or (now >= window.ends and not window.counted):
            window = self._windows[who] = _Window(now + self._limits.window_s)
        return window

    async def _close(self, over: Sequence[_Who]) -> None:
        windows = [(who, self._windows.pop(who)) for who in over]
        told = [(who, window.counted) for who, window in windows if window.counted]
        if told:
            try:
                await self._record([_summary(who, counted) for who, counted in told])
            except asyncio.CancelledError:
                # The vault stops: `flush` tells of them, rather twice than never.
                for who, counted in told:
                    self._window(who).counted += counted
                raise

    async def _record(self, entries: Sequence[Entry]) -> None:
        outcomes = await self._ledger.apply(entries)
        done = sum([isinstance(outcome, Applied) for outcome in outcomes])
        self.counts.recorded += done
        self.counts.lost += len(entries) - done


def _summary(who: _Who, counted: Counter[str]) -> Entry:
    """Say how many refusals were not recorded one by one, by reason."""
    note = Note(ACTION, "refused", note=counted_note(counted))
    return Entry(Caller(who.tenant, who.principal), note)
