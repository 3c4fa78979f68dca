"""`python -m tests.proof [PART…]`: run parts of the proof, all of them by default.

A run at full volume is kept in `docs/proof/PART.json`, from which `tools/reliability_page.py`
makes RELIABILITY.md. Exit 1 if a promise was broken in any part.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.machine import this_machine
from tests.proof.parts import BY_NAME, PARTS, Part
from tests.proof.report import Report, reported

SEED: Final = 20_261


def run_part(part: Part, seed: int, volume: int) -> Report:
    """Run one part and print each of its rows."""
    machine = this_machine(f"python -m tests.proof {part.name}")  # before: the commit that runs

    def say(text: str) -> None:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {part.name}: {text}\n")

    say(f"{volume:,} {part.unit}, seed {seed}")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="cardvault-proof-") as scratch:
        rows = part.prove(seed, volume, Path(scratch), say)
    report = reported(part.name, seed, volume, time.perf_counter() - began, machine, rows)
    for row in rows:
        counted = ", ".join(f"{count:,} {name}" for name, count in row.counts.items())
        sys.stdout.write(f"{part.name}: {row.fault}: {counted}. {row.found}\n")
        sys.stdout.writelines(f"  BREACH: {each}\n" for each in row.violations)
    sys.stdout.write(f"{part.name}: {len(report.violations)} violations, {report.seconds:.0f} s\n")
    sys.stdout.flush()
    return report


def main() -> None:
    """Read the arguments, run, keep what is whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(BY_NAME))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--volume", type=int, help="Less than the whole: nothing is kept then.")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - BY_NAME.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    chosen = [part for part in PARTS if not arguments.parts or part.name in arguments.parts]
    broken = False
    for part in chosen:
        volume = arguments.volume or part.volume
        report = run_part(part, arguments.seed, volume)
        broken = broken or bool(report.violations)
        if volume >= part.volume:
            report.write()
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
