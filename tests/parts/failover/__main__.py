"""`python -m tests.parts.failover --faults 200`: the failover test, as long as you like."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory

from tests.parts.failover.trials import run_trials


def main() -> int:
    """Run, and say what came of it; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    given = parser.parse_args()
    with TemporaryDirectory(prefix="cardvault-failover-") as scratch:
        trials = run_trials(Path(scratch), given.faults, given.seed)
    sys.stdout.write(f"{trials}\n")
    for violation in trials.found:
        sys.stdout.write(f"{violation}\n")
    return 1 if trials.found else 0


if __name__ == "__main__":
    sys.exit(main())
