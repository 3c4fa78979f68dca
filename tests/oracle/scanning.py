"""Scan what a proof has left on disk for card numbers: all of it, or so much of every file."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.oracle.installation import Installation

_WINDOW: Final = 1 << 20
_MOST_NUMBERS: Final = 100_000


class Scan(NamedTuple):
    """What a scan came to: so many bytes of all, for so many numbers; `found` is 0 if all is well.

    `found` counts files that could not be read, too.
    """

    scanned: int
    there: int
    numbers: int
    found: int


def scan(installation: Installation, numbers: Sequence[str], most_bytes: int) -> Scan:
    """Scan data and logs. Of large files windows that the proof's seed chooses, beyond the most.

    For every number of a small proof; for so many of a large one, chosen by its seed as well.
    """
    dice = random.Random(installation.plan.seed)
    site = installation.site
    looked_for = list(dict.fromkeys(numbers))
    if len(looked_for) > _MOST_NUMBERS:
        looked_for = dice.sample(looked_for, _MOST_NUMBERS)
    files = [path for root in (site.data, site.logs) for path in sorted(root.rglob("*"))]
    files = [path for path in files if path.is_file()]
    there = sum(path.stat().st_size for path in files)
    apart = installation.home / "scanned"
    places: Sequence[Path] = (site.data, site.logs)
    if there > most_bytes:
        apart.mkdir()
        share = most_bytes / there
        for number, path in enumerate(files):
            _take(path, apart / f"{number}.bin", share, dice)
        places = (apart,)
    done = site.run(
        *("-m", "vault", "scan", "--json", "--numbers-from", "-", *map(str, places)),
        stdin="\n".join(looked_for).encode(),
        accept=(0, 1),
    )
    shutil.rmtree(apart, ignore_errors=True)
    totals = json.loads(done.stdout.splitlines()[-1])
    if not totals["files"]:
        raise RuntimeError("there was nothing to scan")
    found = totals["found"] + totals["unreadable"]
    return Scan(totals["bytes"], there, len(looked_for), found)


def _take(path: Path, target: Path, share: float, dice: random.Random) -> None:
    """Copy a part of a file in windows, one at least."""
    with path.open("rb") as source, target.open("wb") as copy:
        for start in _windows(path.stat().st_size, share, dice):
            source.seek(start)
            copy.write(source.read(_WINDOW))


def _windows(size: int, share: float, dice: random.Random) -> Iterator[int]:
    count = -(-size // _WINDOW)
    chosen = dice.sample(range(count), max(1, round(count * share))) if count else []
    for number in sorted(chosen):
        yield number * _WINDOW
