"""A real small disk, filled by somebody else's file and freed again: `python -m`, as root.

`in_small_disk` runs this in a mount namespace of its own, over a tmpfs that goes with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.power.script import Step
from tests.power.tables import differences, state_in, state_of
from tests.power.vault import Process, World, serving
from vault.domain.outcome import NotApplied, Outcome
from vault.domain.reasons import Reason
from vault.usecases.ports import StoreFull

FULL: Final = NotApplied(Reason.STORAGE_FULL)
SIZE_MIB: Final = 12
_STEPS: Final = 400  # that a disk with some KiB left may take at most
_LEFT: Final = 60_000  # bytes that are left at most
_MOUNTED: Final = "mounted"  # what is said before anything of ours runs
_TIMEOUT_S: Final = 600.0


@dataclass
class Filled:
    """What came of it."""

    rounds: int = 0
    refused: int = 0  # flushes
    served: int = 0  # operations
    violations: list[str] = field(default_factory=list)
    unable: str = ""  # why no such disk is to be had


def in_small_disk(seed: str, rounds: int, directory: Path) -> Filled:
    """Fill a small disk so often; `unable` says why where this machine lets nobody mount one.

    Whatever goes wrong behind the mount is the vault's: a violation.
    """
    directory.mkdir(parents=True, exist_ok=True)
    script = (
        f'mount -t tmpfs -o size={SIZE_MIB}m,mode=700 cardvault "$1" && echo {_MOUNTED} && '
        'exec "$2" -m tests.power.small_disk "$1" "$3" "$4"'
    )
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(directory), sys.executable]
    try:
        done = subprocess.run(
            [*command, seed, str(rounds)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        return Filled(unable="there is no unshare here")
    except subprocess.TimeoutExpired:
        return Filled(violations=[f"it took longer than {_TIMEOUT_S:.0f} s"])
    mounted, _, said = done.stdout.partition("\n")
    if mounted != _MOUNTED:
        return Filled(unable=f"no tmpfs could be mounted: {done.stderr.strip()[:100]}")
    if done.returncode == 0:
        return Filled(**json.loads(said))
    last = done.stderr.strip().rpartition("\n")[2].partition(":")[0]  # the exception's name
    return Filled(violations=[f"the vault ended with {done.returncode}: {last[:100]}"])


class Ballast:
    """A file that takes all but some bytes of a disk."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes, about."""
        disk = os.statvfs(self._path.parent)
        wanted = disk.f_bavail * disk.f_bsize - left
        with self._path.open("wb") as file:
            for taken in range(wanted, 0, -disk.f_bsize):  # a checkpoint may be writing meanwhile
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), 0, taken)
                    return

    def free(self) -> None:
        """Give all of it back."""
        self._path.unlink()


async def fill(seed: str, rounds: int, directory: Path) -> Filled:
    """Fill the disk of a serving vault, and free it, so many times."""
    world = World(seed)
    filled = Filled()
    random = Random(f"{seed}/ballast")
    ballast = Ballast(directory)
    path = directory / "vault.db"
    async with serving(world, path) as process:
        for _warm in range(10):
            await process.do(world.script.step())
        for _round in range(rounds):
            ballast.fill(random.randint(0, _LEFT))
            step = await _until_full(process, filled)
            await _reads(process, filled)
            ballast.free()
            outcomes = await _attempt(process, step)
            if outcomes is None or FULL in outcomes:
                filled.violations.append(f"seed {seed}: with room again, it is still refused")
            filled.rounds += 1
            _compare(process, filled)
    async with serving(world, path) as process:
        _compare(process, filled)
    filled.served = world.script.operations
    filled.violations += world.reference.broken
    return filled


async def _until_full(process: Process, filled: Filled) -> Step:
    """Serve until a flush is refused, and again a few times; return what was refused first."""
    for _step in range(_STEPS):
        step = process.world.script.step()
        outcomes = await _attempt(process, step)
        if outcomes is not None and FULL not in outcomes:
            continue
        if any(outcome != FULL for outcome in outcomes or ()):
            filled.violations.append("a flush was refused by halves")
        filled.refused += 1
        return step
    filled.violations.append("the disk never was full")
    return Step(act="checkpoint")


async def _attempt(process: Process, step: Step) -> list[Outcome] | None:
    """Do a step; None where the store raised that it is full."""
    process.world.clock.advance(0.25)
    try:
        if not step.entries:
            await process.act(step.act)
            return []
        outcomes = list(await process.ledger.apply(step.entries))
    except StoreFull:
        return None
    process.world.script.hear(step.entries, outcomes)
    return outcomes


async def _reads(process: Process, filled: Filled) -> None:
    """Read all cards while the disk is full."""
    wanted = {
        key: process.world.reference.tables.cards[key] for key, _v in process.world.script.cards
    }
    if await process.ledger.read(list(wanted)) != wanted:
        filled.violations.append("masked reads do not go on")


def _compare(process: Process, filled: Filled) -> None:
    image = process.database.read(state_in)
    if process.database.read(lambda db: db.execute("PRAGMA integrity_check").get) != "ok":
        filled.violations.append("the integrity check finds something")
    differing = differences(state_of(process.world.reference.tables), image)
    if differing:
        filled.violations.append(f"{len(differing)} rows are not as they were acknowledged")


def main() -> None:
    """Fill the disk that the command line names, and print what came of it."""
    directory, seed, rounds = sys.argv[1:]
    filled = asyncio.run(fill(seed, int(rounds), Path(directory)))
    sys.stdout.write(json.dumps(asdict(filled)))


if __name__ == "__main__":
    main()
