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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chassis.runtime import forbid_core_dumps, prepare_environment, run
from tests.bench.sampling import Sampler

if TYPE_CHECKING:
    from chassis.endings import OnSignal
    from chassis.envoy.guest import Guest


def _profile_on_signals(path: Path, on_signal: OnSignal) -> None:
    """Sample from SIGUSR1 to SIGUSR2, then write what was found."""
    sampler = Sampler()
    on_signal(signal.SIGUSR1, sampler.start)

    def write() -> None:
        part = path.with_suffix(".part")
        part.write_text(json.dumps(sampler.stop()))
        part.rename(path)

    on_signal(signal.SIGUSR2, write)


async def serve(options: argparse.Namespace, guest: Guest | None = None) -> None:
    """Serve until told to stop; in Envoy where there is a guest."""
    from chassis.envoy.launch import become_envoy  # noqa: PLC0415
    from chassis.envoy.server import EnvoyTransport  # noqa: PLC0415
    from chassis.grpc_transport import serving  # noqa: PLC0415
    from chassis.logs import configure_logs  # noqa: PLC0415 - after the environment is safe
    from chassis.metrics import ChassisMetrics  # noqa: PLC0415
    from tests.bench.empty import empty_method  # noqa: PLC0415
    from tests.doubles.vault_site import site_config  # noqa: PLC0415
    from vault.wiring import Seams, grpc_options, running_vault  # noqa: PLC0415

    directory: Path = options.dir
    settings: dict[str, Any] = {} if options.events else {"events_url": "none"}
    if options.otlp_endpoint is not None:
        settings |= {"otlp_endpoint": options.otlp_endpoint, "trace_ratio": options.trace_ratio}
        settings["trace_most"] = 100_000  # the bound must not flatter what is measured
    config = site_config(directory, database_url=options.database_url, **settings)
    if options.transport == "envoy" and guest is None:
        become_envoy(
            "tests.bench.in_envoy:guest",
            grpc_options(config, reuse_port=False),
            config.tls,
            {"argv": sys.argv[1:]},
        )
    metrics = ChassisMetrics()
    configure_logs(
        service="vault",
        level=config.log_level,
        on_dropped=metrics.log_dropped.inc,
        on_redacted=metrics.log_redacted.inc,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    on_signal: OnSignal = loop.add_signal_handler if guest is None else guest.on_signal
    _profile_on_signals(directory / f"{options.name}.profile.json", on_signal)
    on_signal(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)  # nothing is ever sent: readable means closed
    async with running_vault(
        config,
        metrics=metrics,
        transport=serving if guest is None else EnvoyTransport(guest),
        seams=Seams(unguarded=empty_method),
    ) as running:
        ready = {
            "port": running.server.port,
            "ops_port": running.ops_port,
            "threads": {each.name: each.native_id for each in threading.enumerate()}
            | {"MainThread": threading.get_native_id()},
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


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--name", default="server")
    parser.add_argument("--no-events", dest="events", action="store_false")
    parser.add_argument("--otlp-endpoint")
    parser.add_argument("--trace-ratio", type=float, default=0.01)
    parser.add_argument("--most-seconds", type=float, required=True)
    parser.add_argument("--transport", default="grpcio")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve until told to stop."""
    options = options_of(sys.argv[1:])
    prepare_environment()
    forbid_core_dumps()
    run(serve(options))


if __name__ == "__main__":
    main()
