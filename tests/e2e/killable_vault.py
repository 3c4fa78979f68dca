"""`python tests/e2e/killable_vault.py --die after_commit:40`: a vault that kills itself there.

The settings are `python -m vault serve`'s. With --die the process sends itself SIGKILL when it has
reached that phase for the n-th time since the start (several: whichever comes first); the phases
are those of a flush and the two of `tests/e2e/deadly.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Mapping

from chassis.runtime import prepare_environment

prepare_environment()

from chassis.logs import configure_logs  # noqa: E402 - after the environment is safe
from chassis.runtime import run  # noqa: E402
from tests.e2e.deadly import ALL_PHASES, MID_CHECKPOINT, MID_WRITE, Deadly, DeadlyFiles  # noqa: E402
from vault.config import VaultConfig  # noqa: E402
from vault.wiring import Seams, running_vault  # noqa: E402


def parse_limits(texts: list[str]) -> dict[str, int]:
    """Read `phase:count` pairs. Raises ValueError."""
    limits = {}
    for text in texts:
        phase, _, count = text.partition(":")
        if phase not in ALL_PHASES or not count.isdecimal() or int(count) < 1:
            raise ValueError(f"--die takes one of {', '.join(ALL_PHASES)}, a colon and a count")
        limits[phase] = int(count)
    return limits


async def serve(limits: Mapping[str, int]) -> None:
    """Serve until SIGTERM, SIGINT or death."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    deadly = Deadly(limits)
    # Only where it is needed: a file layer in Python slows every page that is read.
    _files = DeadlyFiles(deadly) if limits.keys() & {MID_WRITE, MID_CHECKPOINT} else None
    async with running_vault(VaultConfig.load(), seams=Seams(phases=deadly)):
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
