"""A disk that fails at the n-th write, sync or truncation, for every n: each is a process's end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Final

import apsw

from tests.doubles.decide_bench import entry_of
from tests.power.nth import Found, NthFault, Ordeal
from tests.power.script import Step
from tests.power.vault import Process, serving
from vault.adapters.sqlite.database import open_database
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Applied, InDoubt, Outcome
from vault.usecases.ledger.state import Want
from vault.usecases.ports import StoreBroken

WHAT: Final = frozenset({"write", "sync", "truncate"})
_A_CHAIN: Final = 100  # processes that go on with one audit chain


def _failing() -> NthFault:
    return NthFault(lambda: apsw.IOError("failed"), WHAT, lasting=False)


class _Failures:
    """One script; `step` is tried again, as its caller would, until nothing fails any more."""

    def __init__(self, seed: str, directory: Path) -> None:
        self.files = _failing()
        self.ordeal = Ordeal(seed, directory, self.files)
        self.script = self.ordeal.world.script
        self.step = self.script.step()
        self.at = 1  # the next write of the step to fail
        self.checkpoint = 1  # the next of a checkpoint
        self.in_doubt: Callable[[], Awaitable[object]] | None = None
        self.processes = 0
        self.notes = 0
        self.noting = False  # a commit comes next that nothing disturbs but its checkpoint

    async def life(self, operations: int) -> bool:
        """Run a process until the disk fails, or the script ends: then there is no other life."""
        ordeal, files = self.ordeal, self.files
        files.arm()
        anew = self.processes % _A_CHAIN == 0
        self.processes += 1
        async with serving(
            ordeal.world,
            ordeal.path,
            vfs=files.name,
            mortal=True,
            anew=anew,
            found=self._settle,
        ) as process:
            while self.script.operations < operations and not ordeal.over:
                if not await self._attempt(process):
                    await self._refuses(process)
                    break
            else:
                files.arm()
                return False
        if files.events:
            ordeal.wrong(f"the files were touched again: {files.events[0]}")
        return True

    async def _settle(self, process: Process) -> None:
        """Find out what became of the call in doubt: it is there whole, or not at all."""
        ordeal = self.ordeal
        if self.in_doubt is not None:
            whole = not self.step.entries
            if not (ordeal.same(process) if whole else ordeal.stands(process)):
                await ordeal.world.reference.also(self.in_doubt())
                ordeal.found.there += 1
        self.in_doubt = None
        ordeal.compare(process, whole=self.processes % 20 == 0)

    async def _attempt(self, process: Process) -> bool:
        """Try the step; tell whether the process lives."""
        files, step = self.files, self._note() if self.noting else self.step
        outcomes: Sequence[Outcome] = ()
        before = self.ordeal.world.reference.now
        files.arm(flush=0 if self.noting else self.at, checkpoint=self.checkpoint)
        try:
            if step.entries:
                outcomes = await process.ledger.apply(step.entries)
            else:
                await process.act(step.act)
            await process.idle()
        except StoreBroken:
            pass
        if not files.struck:
            self._advance(step, outcomes)
            self.checkpoint = 1 if ("sync", "db") in files.events else self.checkpoint
            return True
        self.ordeal.found.faults[files.struck] += 1
        if files.struck.endswith("checkpoint"):
            self.checkpoint += 1
            if any(isinstance(outcome, InDoubt) for outcome in outcomes):
                self.ordeal.wrong("a checkpoint left a caller in doubt")
            self._advance(step, outcomes)
            return False
        self.at += 1
        self.in_doubt = process.twin.in_doubt
        # Behind the step's own flush the ledger may have another, which nobody waits for.
        written = self.ordeal.world.reference.now > before
        if not written and any(isinstance(outcome, Applied) for outcome in outcomes):
            self.ordeal.wrong("a flush that failed was acknowledged")
        return False

    def _note(self) -> Step:
        """Return what certainly commits: a step tried again often has nothing to write any more."""
        self.notes += 1
        caller = Caller("demo", "spiffe://test/app", f"note-{self.notes}")
        return Step((Entry(caller, Note("refusals", "refused")),))

    def _advance(self, step: Step, outcomes: Sequence[Outcome]) -> None:
        self.script.hear(step.entries, outcomes)
        self.noting = not self.noting
        if self.noting:
            self.ordeal.found.steps += 1
            self.step, self.at = self.script.step(), 1

    async def _refuses(self, process: Process) -> None:
        """Hold that a broken store acknowledges nothing any more, and reads nothing."""
        more = await process.inner.apply([entry_of(Note("refusals", "refused"))])
        if isinstance(more[0], Applied):
            self.ordeal.wrong("something was acknowledged behind the fault")
        try:
            await process.engine.store.read("chn_0001", Want())
        except StoreBroken:
            return
        self.ordeal.wrong("a broken store still answers")


async def fail(
    seed: str, operations: int, directory: Path, note: Callable[[int], None] = lambda _done: None
) -> Found:
    """Do a script; fail every write and sync of it, once each, and start again behind it."""
    failures = _Failures(seed, directory)
    while await failures.life(operations):
        note(failures.ordeal.found.faults.total())
    ordeal = failures.ordeal
    if not ordeal.over:
        await _fail_closing(ordeal)
        async with serving(ordeal.world, ordeal.path) as process:
            ordeal.compare(process, whole=True)
        await fail_opening(directory, ordeal.found)
    ordeal.found.operations = failures.script.operations
    ordeal.found.violations += ordeal.world.reference.broken
    return ordeal.found


async def _fail_closing(ordeal: Ordeal) -> None:
    """Fail everything that an orderly end does to the files."""
    for at in count(1):
        files = ordeal.files
        files.arm()
        async with serving(ordeal.world, ordeal.path, vfs=files.name, mortal=True) as process:
            ordeal.compare(process, whole=True)
            await process.checkpointer.checkpoint()  # the last one: closing has nothing to sign
            files.arm(either=at)
        if not files.struck:
            return
        ordeal.found.faults[f"{files.struck}, closing"] += 1
        if files.events:
            ordeal.wrong("the files were touched again")


async def fail_opening(directory: Path, found: Found) -> None:
    """Fail everything that the making of a database does; behind it, it is made after all."""
    for at in count(1):
        files = _failing()
        files.arm(either=at)
        path = directory / f"new-{at}.db"
        try:
            async with open_database(path, vfs=files.name):
                files.disarm()
        except (apsw.Error, StoreBroken):
            await asyncio.sleep(0)
        if not files.struck:
            return
        found.faults[f"{files.struck}, making it"] += 1
        async with open_database(path) as database:
            tables = database.read(lambda db: db.execute("SELECT count(*) FROM control").get)
        if tables != 1:
            found.violations.append(f"{files.struck}, making it: the next start does not mend it")
