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
from tests.proof.ended import ended_by
from tests.proof.parts import BY_NAME, PARTS, Part, Say
from tests.proof.report import Report, Row, reported

SEED: Final = 20_261


def run_part(part: Part, seed: int, volume: int) -> Report:
    """Run one part and print each of its rows. Raises nothing of the part's own."""
    machine = this_machine(f"python -m tests.proof {part.name}")  # before: the commit that runs

    def say(text: str) -> None:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {part.name}: {text}\n")

    say(f"{volume:,} {part.unit}, seed {seed}")
    began = time.perf_counter()
    # What was found must not go with files that somebody still writes.
    with tempfile.TemporaryDirectory(
        prefix="cardvault-proof-", ignore_cleanup_errors=True
    ) as scratch:
        rows = _rows(part, seed, volume, Path(scratch), say)
    report = reported(part.name, seed, volume, time.perf_counter() - began, machine, rows)
    for row in rows:
        counted = ", ".join(f"{count:,} {name}" for name, count in row.counts.items())
        sys.stdout.write(f"{part.name}: {row.fault}: {counted}. {row.found}\n")
        sys.stdout.writelines(f"  BREACH: {each}\n" for each in row.violations)
    sys.stdout.write(f"{part.name}: {len(report.violations)} violations, {report.seconds:.0f} s\n")
    sys.stdout.flush()
    return report


def _rows(part: Part, seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Return a part's rows; one that says what ended it, where it did not come to its end."""
    try:
        return part.prove(seed, volume, scratch, say)
    except Exception as error:  # noqa: BLE001 - a vault that does not come back is a finding, too
        ended = ended_by(error)
        say(ended.trace)
        return [
            Row(
                fault=part.title,
                done=f"of {volume:,} {part.unit}, an unknown share",
                counts={},
                holds="the part comes to its end: whatever it kills comes back",
                violations=(ended.said,),
            )
        ]


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
