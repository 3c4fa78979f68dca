"""`python tests/e2e/killable_vault.py --die after_commit:40`: a vault that kills itself there.

The settings are `python -m vault serve`'s. With --die the process sends itself SIGKILL when a
flush has reached that phase for the n-th time since the start (several: whichever comes first).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections import Counter
from collections.abc import Mapping
from typing import Final

from chassis.runtime import prepare_environment

prepare_environment()

from chassis.logs import configure_logs  # noqa: E402 - after the environment is safe
from chassis.runtime import run  # noqa: E402
from vault.config import VaultConfig  # noqa: E402
from vault.usecases.ledger.phases import PHASES  # noqa: E402
from vault.wiring import running_vault  # noqa: E402


class Deadly:
    """A `Phases` that ends the process, as a power cut would, at a phase's n-th time."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits: Final = limits
        self._seen: Final = Counter[str]()

    def reached(self, phase: str) -> None:
        """Count, and die when it is time."""
        self._seen[phase] += 1
        if self._seen[phase] == self._limits.get(phase):
            os.kill(os.getpid(), signal.SIGKILL)


def parse_limits(texts: list[str]) -> dict[str, int]:
    """Read `phase:count` pairs. Raises ValueError."""
    limits = {}
    for text in texts:
        phase, _, count = text.partition(":")
        if phase not in PHASES or not count.isdecimal() or int(count) < 1:
            raise ValueError(f"--die takes one of {', '.join(PHASES)}, a colon and a count")
        limits[phase] = int(count)
    return limits


async def serve(limits: Mapping[str, int]) -> None:
    """Serve until SIGTERM, SIGINT or death."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_vault(VaultConfig.load(), phases=Deadly(limits)):
        await stop.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--die", action="append", default=[], metavar="PHASE:COUNT")
    limits = parse_limits(parser.parse_args().die)
    configure_logs(service="vault", level="INFO")
    run(serve(limits))


if __name__ == "__main__":
    main()
