"""One seed: a small installation, its clients, what happens to it, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import structlog

from tests.seeds.bus import Bus
from tests.seeds.clients import Clients, Tally
from tests.seeds.database import Database
from tests.seeds.ending import UNSIGNED, Delivered, Ending
from tests.seeds.installation import Installation
from tests.seeds.judge import Judge
from tests.seeds.kms import SharedKms
from tests.seeds.life import Surroundings, WallClock
from tests.seeds.loop import SeededLoop, Stuck
from tests.seeds.ops import DAY_US, Drawer
from tests.seeds.outbox import Holdings
from tests.seeds.promises import Findings, Promise, Violation
from tests.seeds.replies import Replies
from tests.seeds.trace import Trace
from tests.seeds.weather import FAULTS, Fates
from vault.adapters.memory.tables import Tables

CLIENTS: Final = 5
SETTLES_S: Final = 60.0
"""How long all may take to come to rest once all is well: a chain's end takes 25 s of it."""
KINDS: Final = {
    "tokenize": 3.0,
    "reveal": 3.0,
    "edit": 2.0,
    "answer": 2.0,
    "status": 0.7,
    "hold": 0.7,
    "delete": 1.0,
    "undelete": 0.7,
    "reuse": 0.3,
    "note": 0.4,
    "unstorable": 0.15,
}


@dataclass(frozen=True)
class Outcome:
    """What came of one seed."""

    seed: int
    violations: tuple[Violation, ...]
    digest: str
    lines: tuple[str, ...]
    tally: Tally
    counts: Counter[str]
    seconds: float  # of its own time


class Seed:
    """A run. Everything in it that is random comes from its number."""

    def __init__(
        self, seed: int, calls: int, *, keep: bool = False, kinds: Sequence[str] = ()
    ) -> None:
        self.seed: Final = seed
        self._calls: Final = calls
        chance = self._draws("shape")
        # Threads, files and signals are missing on purpose: who asks for them is to fail.
        loop = SeededLoop(self._draws("order"))  # type: ignore[abstract]
        self._loop = loop
        self.findings = findings = Findings(loop)
        self.trace = trace = Trace(loop, keep=keep)
        wall = WallClock(loop)
        self.judge = judge = Judge(findings, trace, wall, Tables())
        self._database = database = Database(loop, self._draws("store"), judge)
        judge.tables = database.tables
        self._delivered = delivered = Delivered(judge, findings, trace)
        self._bus = bus = Bus(loop, self._draws("bus"), delivered)
        around = Surroundings(
            loop=loop,
            chance=self._draws("bytes"),
            findings=findings,
            database=database,
            holdings=Holdings(),
            kms=SharedKms(loop, self._draws("kms"), findings),
            bus=bus,
            wall=wall,
        )
        slots = chance.choice((1, 2, 2, 2, 3))
        self._around = around
        self._installation = Installation(
            around,
            self._draws("processes"),
            trace,
            [None] * slots,
            skews=[chance.randint(-2_000_000, 2_000_000) for _each in range(slots)],
        )
        judge.may_end = self._installation.may_be_ended
        mix = {kind: weight * chance.choice((0.3, 1, 1, 3)) for kind, weight in KINDS.items()}
        drawer = Drawer(self._draws("calls"), mix)
        self._clients = Clients(
            self._installation, judge, Replies(judge), drawer, self._draws("clients"), findings
        )
        drawn = tuple(kind for kind in FAULTS if chance.random() < 0.4)
        self._fates = Fates(
            around, self._installation, drawer, self._draws("fates"), trace, tuple(kinds) or drawn
        )
        self._ending = Ending(database, self._installation, judge, delivered, findings)

    def run(self) -> Outcome:
        """Run it to its end, or to the first broken promise."""
        loop, findings = self._loop, self.findings
        try:
            loop.run(self._story())
        except Stuck:
            findings.broken(Promise.SETTLES, "nobody has anything to do, and calls wait")
        finally:
            self.trace.closed = findings.closed = True
            self._database.over = self._bus.over = True
            loop.bury()
            self.trace.closed = findings.closed = False
        if not findings.violations:
            self._ending.judged()
        return self._outcome()

    async def _story(self) -> None:
        loop, chance = self._loop, self._draws("story")
        installation, fates, clients = self._installation, self._fates, self._clients
        keepers = [
            loop.create_task(installation.keep_running(slot))
            for slot in range(len(installation.slots))
        ]
        striking = loop.create_task(fates.strike())
        share = -(-self._calls // CLIENTS)
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(clients.work(f"client-{number}", share))
        striking.cancel()
        await asyncio.wait([striking])
        fates.clear()
        for life in installation.lives:
            if life.actor.paused:
                loop.resume(life.actor)
        await self._settled()
        await clients.resolve()
        self.findings.check(
            not clients.open, Promise.SETTLES, f"{len(clients.open)} calls have no answer"
        )
        await self._settled()
        self._around.wall.jumped_us += chance.choice((0, 0, 30, 430)) * DAY_US
        await self._settled(self._ending.overdue)
        installation.closing = True
        for life in installation.living():
            installation.stop(life)
        await asyncio.wait(keepers, timeout=SETTLES_S)
        self.findings.check(
            all(life.gone for life in installation.lives), Promise.SETTLES, "a stop never ends"
        )

    async def _settled(self, overdue: Callable[[], str] = lambda: "") -> None:
        """Wait until nothing is under way, for so long at most."""
        ending, until = self._ending, self._loop.time() + SETTLES_S
        left, touched = "?", False
        while left and self._loop.time() < until:
            await asyncio.sleep(1.0)
            left = ending.unsettled()
            # A commit in doubt that did happen is in the next checkpoint behind the next record.
            if left == UNSIGNED and not touched:
                touched = True
                await self._clients.touch()
            left = left or overdue()
        promise = Promise.SETTLES if ending.unsettled() else Promise.SWEPT
        self.findings.check(not left, promise, f"{left}, after {SETTLES_S:.0f} s")

    def _draws(self, what: str) -> Random:
        return Random(f"{self.seed}/{what}")

    def _outcome(self) -> Outcome:
        installation, database = self._installation, self._database
        counts = Counter(
            {
                "processes": len(installation.lives),
                "kills": installation.kills,
                "pauses": installation.pauses,
                "orderly stops": installation.stops,
                "commits in doubt": database.doubts,
                "audit records": self.judge.records,
                "events": len(self.judge.events),
                "events again": self._delivered.again,
                "chains": len(database.tables.heads),
                "chains ended": len(database.tables.ended),
                "checkpoints": len(database.tables.checkpoints),
                "batches fenced": self._bus.fenced,
                "KMS calls": self._around.kms.calls,
                "turns": self._loop.turns,
            }
        )
        counts.update({f"fault {kind}": count for kind, count in self._fates.brought.items()})
        self.trace.note("end", *sorted(self.judge.tables.heads.values()))
        return Outcome(
            self.seed,
            tuple(self.findings.violations),
            self.trace.digest,
            tuple(self.trace.lines or ()),
            self._clients.tally,
            counts,
            self._loop.time() - 1_000.0,
        )


def run_seed(seed: int, calls: int, *, keep: bool = False, kinds: Sequence[str] = ()) -> Outcome:
    """Run one seed; the same number gives the same trace, byte by byte.

    `kinds` of faults are drawn from the seed, too, unless they are given.
    """
    return Seed(seed, calls, keep=keep, kinds=kinds).run()


def quiet() -> None:
    """Have the parts under test log nothing: they are in trouble all the time here."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
