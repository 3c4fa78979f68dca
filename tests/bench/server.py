"""The measured process: the real vault on SQLite with everything on, and the empty RPC beside it.

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


async def _serve(directory: Path, most_seconds: float) -> None:
    from chassis.logs import configure_logs  # noqa: PLC0415 - after the environment is safe
    from chassis.metrics import ChassisMetrics  # noqa: PLC0415
    from tests.bench.empty import EmptyMethods  # noqa: PLC0415
    from tests.doubles.vault_site import site_config  # noqa: PLC0415
    from vault.wiring import Seams, running_vault  # noqa: PLC0415

    config = site_config(directory)
    metrics = ChassisMetrics()
    configure_logs(
        service="vault",
        level=config.log_level,
        on_dropped=metrics.log_dropped.inc,
        on_redacted=metrics.log_redacted.inc,
    )
    stop = asyncio.Event()
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
        part = directory / "ready.part"
        part.write_text(json.dumps(ready))
        part.rename(directory / "ready.json")
        try:
            async with asyncio.timeout(most_seconds):
                await stop.wait()
        except TimeoutError:
            pass
        loop.remove_reader(sys.stdin.fileno())


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--most-seconds", type=float, required=True)
    options = parser.parse_args()
    prepare_environment()
    forbid_core_dumps()
    run(_serve(options.dir, options.most_seconds))


if __name__ == "__main__":
    main()
