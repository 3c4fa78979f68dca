"""A script done once, with every byte that reached the files, and everything that was told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.power.layer import Happened, LoggedFiles
from tests.power.reference import Reference
from tests.power.vault import FULL, World, serving

NORMAL: Final = 1
OFF: Final = 0


@dataclass(frozen=True)
class Recording:
    """What a script left: the log, the reference, and what the script knows of its cards."""

    seed: str
    log: Sequence[Happened]
    reference: Reference
    operations: int
    kinds: Mapping[str, int]

    @property
    def syncs(self) -> list[int]:
        """Return the places in the log of all syncs."""
        return [at for at, each in enumerate(self.log) if each.what == "sync"]


def record(seed: str, operations: int, directory: Path, *, synchronous: int = FULL) -> Recording:
    """Do a script of at least so many operations in a new database of `directory`."""
    return asyncio.run(_record(seed, operations, directory, synchronous))


async def _record(seed: str, operations: int, directory: Path, synchronous: int) -> Recording:
    files = LoggedFiles()
    world = World(seed, files)
    script = world.script
    while script.operations < operations:
        async with serving(
            world, directory / "vault.db", vfs=files.name, synchronous=synchronous
        ) as process:
            while script.operations < operations:
                step = script.step()
                if step.act == "restart":
                    break
                await process.do(step)
    return Recording(seed, files.log, world.reference, script.operations, script.kinds)
