"""Many flips, one after another, and what they came to."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop

from tests.doubles.logged import logged
from tests.flips.judge import Came, classed, judged
from tests.flips.places import AUDIT, SEALED, Mode
from tests.flips.trial import Bench
from tests.flips.vault_image import Images, make_images

MOST: Final = 20
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only the directory that pytest or the proof gave


@dataclass
class Tally:
    """Counts of flips, by where they were and how they showed."""

    flips: Counter[Mode] = field(default_factory=Counter)
    sealed: Counter[Mode] = field(default_factory=Counter)
    audit: Counter[Mode] = field(default_factory=Counter)
    revealed: Counter[Mode] = field(default_factory=Counter)
    classes: Counter[tuple[Mode, str]] = field(default_factory=Counter)
    fields: set[tuple[str, str]] = field(default_factory=set)
    violations: dict[Mode, list[str]] = field(default_factory=dict)

    def take(self, came: Came, shown: str, found: list[str]) -> None:
        """Count one flip."""
        mode = came.flip.mode
        self.flips[mode] += 1
        self.sealed[mode] += came.flip.field in SEALED
        self.audit[mode] += came.flip.table in AUDIT and came.flip.column is not None
        self.revealed[mode] += sum(said.held is not None for said in came.heard.said)
        self.classes[mode, shown] += 1
        self.fields.add(came.flip.field)
        self.violations.setdefault(mode, []).extend(found)

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        for name in ("flips", "sealed", "audit", "revealed", "classes", "fields"):
            getattr(self, name).update(getattr(other, name))
        for mode, found in other.violations.items():
            self.violations.setdefault(mode, []).extend(found)

    @property
    def broken(self) -> int:
        """Count the violations."""
        return sum(map(len, self.violations.values()))


def run_batch(seed: str, numbers: Iterable[int], scratch: Path) -> Tally:
    """Run the flips of these numbers; stop early where too much is wrong."""
    with tempfile.TemporaryDirectory(prefix="flips-", dir=_fast(scratch)) as directory:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)  # as a serving process has it (chassis.runtime.settle)
        try:
            with logged("flips") as log, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                images = loop.run(make_images(Path(directory), seed))
                tally = loop.run(
                    _trials(Bench(images, Path(directory) / "trial", seed), images, numbers)
                )
                if images.canaries.found_in(log.getvalue().encode()):
                    tally.violations.setdefault(Mode.CLOSED, []).append("a number is in the log")
        finally:
            sys.setswitchinterval(interval)
    return tally


async def _trials(bench: Bench, images: Images, numbers: Iterable[int]) -> Tally:
    tally = Tally()
    for number in numbers:
        flip = bench.choose(number)
        image = bench.image(flip.mode)
        try:
            came = await bench.run(flip)
        except TimeoutError:
            tally.violations.setdefault(flip.mode, []).append(f"{flip}: the vault hangs")
            continue
        tally.take(came, classed(came), judged(image, came))
        if tally.broken >= MOST:
            break
    return tally


def _fast(scratch: Path) -> Path:
    """Return memory to keep files in: what is looked for is in their bytes, not in their syncs."""
    return _MEMORY if _MEMORY.is_dir() else scratch
