"""A disk that fills up at the n-th write, for every n of every step, and is freed again.

One process lives through all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Final

import apsw

from tests.power.nth import Found, NthFault, Ordeal
from tests.power.script import Step
from tests.power.vault import Process, serving
from vault.domain.outcome import NotApplied, Outcome
from vault.domain.reasons import Reason
from vault.usecases.ports import StoreFull

FULL: Final = NotApplied(Reason.STORAGE_FULL)


async def fill(
    seed: str, operations: int, directory: Path, note: Callable[[int], None] = lambda _done: None
) -> Found:
    """Do a script; fill the disk up at every one of its writes, once each."""
    files = NthFault(lambda: apsw.FullError("no room"), frozenset({"write"}), lasting=True)
    ordeal = Ordeal(seed, directory, files)
    script, found = ordeal.world.script, ordeal.found
    async with serving(ordeal.world, ordeal.path, vfs=files.name) as process:
        while script.operations < operations and not ordeal.over:
            step = script.step()
            found.steps += 1
            for at in count(1):
                note(found.faults.total())
                if await _done(ordeal, process, step, at) or ordeal.over:
                    break
            await _checkpoints(ordeal, process)
            ordeal.compare(process, whole=found.steps % 10 == 0)
        files.arm()
    async with serving(ordeal.world, ordeal.path) as process:
        ordeal.compare(process, whole=True)
    found.operations = script.operations
    found.violations += ordeal.world.reference.broken
    return found


async def _done(ordeal: Ordeal, process: Process, step: Step, at: int) -> bool:
    """Attempt a step while the disk fills up at a write; tell whether it is done."""
    files, found = ordeal.files, ordeal.found
    files.arm(flush=at, checkpoint=1)
    outcomes: Sequence[Outcome] = ()
    raised = False
    before = ordeal.world.reference.now
    try:
        if step.entries:
            outcomes = await process.ledger.apply(step.entries)
        else:
            await process.act(step.act)
    except StoreFull:
        raised = True
    await _wait(process)
    refused = raised or FULL in outcomes
    checkpoint = files.failed == {"db"}
    if checkpoint:
        found.faults[files.struck] += 1
        if refused and step.entries:  # an act may have something to write behind it
            ordeal.wrong("a checkpoint that found no room was told to a caller")
    elif files.struck:
        # Behind the step's own flush the ledger may have another, which nobody waits for.
        written = ordeal.world.reference.now > before
        await _full(ordeal, process, () if written else outcomes)
    files.disarm()
    if not checkpoint or refused:  # or else `_checkpoints` comes, which it is still due for
        await process.idle()
    if FULL not in outcomes:
        ordeal.world.script.hear(step.entries, outcomes)
    found.refused += refused
    return not files.struck or (checkpoint and not refused)


async def _full(ordeal: Ordeal, process: Process, outcomes: Sequence[Outcome]) -> None:
    """Check what a full disk refuses, and that reads go on."""
    ordeal.found.faults[ordeal.files.struck] += 1
    if any(outcome != FULL for outcome in outcomes):
        ordeal.wrong("a flush was not refused, or not whole")
    ordeal.compare(process, whole=False)
    if ordeal.world.script.cards:
        key, _version = ordeal.world.script.cards[-1]
        if await process.ledger.read([key]) != {key: ordeal.world.reference.tables.cards[key]}:
            ordeal.wrong("a masked read does not go on as before")


async def _checkpoints(ordeal: Ordeal, process: Process) -> None:
    """Fill the disk up at every write of a checkpoint, while one is due."""
    for at in count(1):
        ordeal.files.arm(checkpoint=at)
        if ordeal.over:
            return
        await process.idle()  # a write of nothing: behind it comes the checkpoint that is due
        if not ordeal.files.struck:
            return
        ordeal.found.faults[ordeal.files.struck] += 1


async def _wait(process: Process) -> None:
    """Let what the ledger gave itself fail, too."""
    try:
        await process.idle()
    except StoreFull:
        return
