"""`python -m tests.seeds SEED [--calls N] [--trace]`: run one seed again, and say what came of it.

`--mutant` plants one of the bugs of `mutants.py`, by the first words of its name. Exit 1 if a
promise was broken.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

from tests.seeds.mutants import MUTANTS
from tests.seeds.planting import planted
from tests.seeds.proof import CALLS
from tests.seeds.run import quiet, run_seed


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeds")
    parser.add_argument("seed", type=int)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--trace", action="store_true", help="print all that happened, in order")
    parser.add_argument("--mutant", default="", metavar="WORDS")
    arguments = parser.parse_args()
    chosen = [each for each in MUTANTS if each.name.startswith(arguments.mutant or "\0")]
    if arguments.mutant and len(chosen) != 1:
        parser.error("no bug of that name, or several")
    quiet()
    with planted(chosen[0]) if chosen else nullcontext():
        came = run_seed(arguments.seed, arguments.calls, keep=arguments.trace)
    for line in came.lines:
        sys.stdout.write(line.encode(errors="backslashreplace").decode() + "\n")
    counted = ", ".join(f"{count:,} {name}" for name, count in came.counts.items() if count)
    sys.stdout.write(f"seed {came.seed}: {came.seconds:.0f} s of its own; {counted}\n")
    sys.stdout.writelines(f"BREACH: {each}\n" for each in came.violations)
    sys.stdout.write(f"trace {came.digest}\n")
    sys.exit(1 if came.violations else 0)


if __name__ == "__main__":
    main()
