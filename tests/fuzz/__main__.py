"""`python -m tests.fuzz TARGET --runs N --seed S`: feed one target, and say what came of it.

Without a target: list them. Inputs that break something are kept under `--keep`, never shown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.engines import by_coverage, by_dice, instrumented
from tests.fuzz.harness import Harness, Told
from tests.fuzz.registry import SHARES, load


def main() -> None:
    """Read the arguments, feed the target."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="?", choices=sorted(SHARES))
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("coverage", "dice"), default="coverage")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "cardvault-fuzz"))
    parser.add_argument("--report", type=Path)
    parser.add_argument("--scratch", type=Path)
    arguments = parser.parse_args()
    name = arguments.target
    if name is None:
        sys.stdout.writelines(f"{each}\n" for each in sorted(SHARES))
        return
    guided = arguments.engine == "coverage"
    target = instrumented(lambda: load(name)) if guided else load(name)
    places = tempfile.TemporaryDirectory(prefix="fuzz-", dir=arguments.scratch or _root())

    def tell(told: Told) -> None:
        if arguments.report is not None:
            told.write(arguments.report)
        if told.executions == told.wanted:
            _say(told)
            if guided:
                places.cleanup()  # it would be left: libFuzzer ends the process

    with places as place, target.open(Path(place)) as opened:
        harness = Harness(name, opened.run, arguments.runs, arguments.keep, tell)
        if guided:
            by_coverage(target, opened, harness, arguments.seed, Path(place))
        else:
            by_dice(target, opened, harness, arguments.seed)


def _root() -> Path | None:
    """Return where files are quick and gone with the machine, if there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made there
    return memory if memory.is_dir() else None


def _say(told: Told) -> None:
    spread = ", ".join(f"{count:,} {what}" for what, count in told.outcomes.most_common())
    rate = told.executions / max(told.cpu, 1e-9)
    sys.stdout.write(
        f"{told.name}: {told.executions:,} ({rate:,.0f} a second of a core): {spread}\n"
    )
    sys.stdout.write(f"  memory since the warm-up: {told.growth:+.1%}\n")
    sys.stdout.writelines(f"  BREACH: {each} ({file})\n" for each, file in told.found.items())
    sys.stdout.flush()


if __name__ == "__main__":
    main()
