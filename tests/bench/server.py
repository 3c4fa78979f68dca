"""The measured process: the real vault with everything on, and the empty RPC beside it.

Started by the runner, which holds its standard input open: at its end, at SIGTERM or after
`--most-seconds` it drains and stops.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import threading
from pathlib import Path

from chassis.runtime import forbid_core_dumps, prepare_environment, run
from tests.bench.sampling import Sampler


def _profile_on_signals(path: Path) -> None:
    """Sample from SIGUSR1 to SIGUSR2, then write what was found."""
    loop, sampler = asyncio.get_running_loop(), Sampler()
    loop.add_signal_handler(signal.SIGUSR1, sampler.start)

    def write() -> None:
        part = path.with_suffix(".part")
        part.write_text(json.dumps(sampler.stop()))
        part.rename(path)

    loop.add_signal_handler(signal.SIGUSR2, write)


async def _serve(options: argparse.Namespace) -> None:
    from chassis.logs import configure_logs  # noqa: PLC0415 - after the environment is safe
    from chassis.metrics import ChassisMetrics  # noqa: PLC0415
    from tests.bench.empty import EmptyMethods  # noqa: PLC0415
    from tests.doubles.vault_site import site_config  # noqa: PLC0415
    from vault.wiring import Seams, running_vault  # noqa: PLC0415

    directory: Path = options.dir
    settings = {} if options.events else {"events_url": "none"}
    config = site_config(directory, database_url=options.database_url, **settings)
    metrics = ChassisMetrics()
    configure_logs(
        service="vault",
        level=config.log_level,
        on_dropped=metrics.log_dropped.inc,
        on_redacted=metrics.log_redacted.inc,
    )
    stop = asyncio.Event()
    _profile_on_signals(directory / f"{options.name}.profile.json")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)  # nothing is ever sent: readable means closed
    async with running_vault(
        config, metrics=metrics, seams=Seams(unguarded=[EmptyMethods()])
    ) as running:
        ready = {
            "port": running.server.port,
            "ops_port": running.ops_port,
            "threads": {each.name: each.native_id for each in threading.enumerate()},
        }
        part = directory / f"{options.name}.part"
        part.write_text(json.dumps(ready))
        part.rename(directory / f"{options.name}.ready.json")
        try:
            async with asyncio.timeout(options.most_seconds):
                await stop.wait()
        except TimeoutError:
            pass
        loop.remove_reader(sys.stdin.fileno())


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--name", default="server")
    parser.add_argument("--no-events", dest="events", action="store_false")
    parser.add_argument("--most-seconds", type=float, required=True)
    options = parser.parse_args()
    prepare_environment()
    forbid_core_dumps()
    run(_serve(options))


if __name__ == "__main__":
    main()
