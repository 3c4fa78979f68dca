"""What a part of the proof came to: rows of RELIABILITY.md, kept as JSON beside the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.bench.machine import Machine

DIRECTORY: Final = Path("docs/proof")
MOST_VIOLATIONS: Final = 20
"""Violations that a row tells at most: as many mean that there were so many, or more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: what was done, how often, what had to hold, and what did not."""

    fault: str
    done: str
    # What of, as the page says it: "images", "acknowledged calls". The first is of the fault
    # itself, and the page's summary adds up the first of all rows.
    counts: Mapping[str, int]
    holds: str
    found: str = ""  # what was measured beside: "restart p99 1.4 s"
    violations: tuple[str, ...] = ()  # at most a few, each a sentence; no card number in any


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run of a part."""

    part: str
    seed: int
    volume: int
    seconds: float
    date: str
    commit: str
    machine: str
    rows: tuple[Row, ...]

    @property
    def violations(self) -> tuple[str, ...]:
        """Return every broken promise."""
        return tuple(each for row in self.rows for each in row.violations)

    def write(self, directory: Path = DIRECTORY) -> None:
        """Keep it as the part's last run."""
        directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (directory / f"{self.part}.json").write_text(text + "\n")


def read_report(path: Path) -> Report:
    """Return what `Report.write` wrote."""
    said = json.loads(path.read_text())
    rows = tuple(Row(**{**row, "violations": tuple(row["violations"])}) for row in said["rows"])
    return Report(**{**said, "rows": rows})


def reported(
    part: str, seed: int, volume: int, seconds: float, machine: Machine, rows: list[Row]
) -> Report:
    """Return a run with where and when it was."""
    cores = f"{machine.cores} cores of {machine.cpu}"
    where = f"{cores}, Linux {machine.kernel}, Python {machine.python}"
    took = round(seconds, 1)
    return Report(part, seed, volume, took, machine.date, machine.commit, where, tuple(rows))


def with_shortfall(violations: Sequence[str], *enough: tuple[int, int, str]) -> tuple[str, ...]:
    """Return a row's violations; where there are none, whatever was done less than it had to be.

    `enough`: how often, how often at least, and what. A part that ended early on what it found has
    a reason to have done less; any other run that did is no proof, and must not pass for one.
    """
    if violations:
        return tuple(violations[:MOST_VIOLATIONS])
    return tuple(
        f"only {done:,} {what} where there had to be {least:,}"
        for done, least, what in enough
        if done < least
    )
