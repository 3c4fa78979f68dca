"""How processes share leases: every move makes it more even, none leads back, and few are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from updater.adapters.postgres.sharing import RELUCTANT, Seen, Sharing

TURN_S, SPAN_S = 3.0, 15.0


@dataclass
class Process:
    """What one process has, and whether it can take anything at all."""

    asks: frozenset[str]
    able: bool = True
    sharing: Sharing = field(default_factory=lambda: Sharing(TURN_S, SPAN_S))


@dataclass
class Several:
    """Processes on one database, one turn after the other; each gives at once what it owes."""

    processes: list[Process]
    names: list[str]
    holder: dict[str, int | None] = field(default_factory=dict)
    now: float = 0.0
    moves: int = 0

    def held(self, who: int) -> list[str]:
        return [name for name in self.names if self.holder.get(name) == who]

    def seen(self, who: int) -> dict[str, Seen]:
        found = {}
        for name in self.processes[who].asks:
            others = [
                len(self.held(other))
                for other, each in enumerate(self.processes)
                if other != who and name in each.asks
            ]
            free = self.holder.get(name) is None
            found[name] = Seen(free, min(others, default=None))
        return found

    def turn(self, who: int) -> None:
        process, seen = self.processes[who], self.seen(who)
        for name in sorted(process.asks):
            if self.holder.get(name) is None and process.able:
                if not process.sharing.leaves(name, len(self.held(who)), seen[name], self.now):
                    self.holder[name] = who
                    self.moves += 1
            elif self.holder.get(name) not in (None, who):
                process.sharing.leaves(name, len(self.held(who)), seen[name], self.now)
        name_given = process.sharing.gives(self.held(who), seen, self.now)
        if name_given is not None:
            self.holder[name_given] = None
            process.sharing.given(name_given, self.now)

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            for who in range(len(self.processes)):
                self.now += TURN_S / len(self.processes)
                self.turn(who)

    def counts(self) -> list[int]:
        return sorted(len(self.held(who)) for who in range(len(self.processes)))


def several(processes: int, leases: int) -> Several:
    names = [f"lease {chr(97 + at)}" for at in range(leases)]
    return Several([Process(frozenset(names)) for _ in range(processes)], names)


def test_one_takes_all_at_once_and_keeps_them() -> None:
    site = several(1, 5)
    site.turn(0)
    assert site.counts() == [5]
    site.run(1000)
    assert (site.counts(), site.moves) == ([5], 5)


@given(st.integers(1, 5), st.integers(1, 9))
@settings(max_examples=40)
def test_all_that_start_together_end_up_even_and_rest(processes: int, leases: int) -> None:
    site = several(processes, leases)
    site.run(20 * SPAN_S)
    counts, moves = site.counts(), site.moves
    assert sum(counts) == leases
    assert counts[-1] - counts[0] <= 1
    site.run(100 * SPAN_S)
    assert site.moves == moves


def test_one_that_joins_later_gets_its_share_one_by_one() -> None:
    site = several(2, 5)
    joins = site.processes.pop()
    site.run(60)
    site.processes.append(joins)
    before = site.moves
    site.run(SPAN_S)
    assert site.counts() == [1, 4]
    site.run(SPAN_S)
    assert site.counts() == [2, 3]
    site.run(100 * SPAN_S)
    assert (site.counts(), site.moves - before) == ([2, 3], 2)


def test_only_what_the_other_one_asks_for_is_given() -> None:
    site = several(2, 3)
    joins = site.processes.pop()
    joins.asks = frozenset(site.names[:1])
    site.run(60)
    site.processes.append(joins)
    site.run(20 * SPAN_S)
    assert site.held(1) == site.names[:1]


def test_what_nobody_takes_comes_back_and_is_rarely_given_again() -> None:
    site = several(2, 4)
    joins = site.processes.pop()
    site.run(60)
    joins.able = False
    site.processes.append(joins)
    before = site.moves
    site.run(RELUCTANT * SPAN_S)
    assert site.counts() == [0, 4]
    assert site.moves - before == 1


def turns(sharing: Sharing, seen: Seen, mine: int) -> Iterator[bool]:
    now = 0.0
    while True:
        yield sharing.leaves("a", mine, seen, now)
        now += TURN_S


@pytest.mark.parametrize("mine", [0, 1])
def test_a_free_one_is_left_for_one_turn_to_who_has_fewer(mine: int) -> None:
    looks = turns(Sharing(TURN_S, SPAN_S), Seen(free=True, least=0), mine)
    assert [next(looks) for _ in range(3)] == [mine > 0, False, False]


def test_nobody_who_has_none_waits_for_another() -> None:
    """So a takeover is as fast as without sharing, where the dead one was the only other."""
    assert not Sharing(TURN_S, SPAN_S).leaves("a", 3, Seen(free=True, least=None), 0)
    assert not Sharing(TURN_S, SPAN_S).leaves("a", 0, Seen(free=True, least=0), 0)
