"""Serving as it is measured. As in production all is imported before serving begins.

(`chassis.runtime.settle` has the collector leave alone what the imports made, and nothing later.)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from chassis.endings import OnSignal
from chassis.envoy.guest import Guest
from chassis.envoy.launch import become_envoy
from chassis.envoy.server import EnvoyTransport
from chassis.grpc_transport import serving
from chassis.logs import configure_logs
from chassis.metrics import ChassisMetrics
from chassis.runtime import forbid_core_dumps, run
from tests.bench.empty import empty_method
from tests.bench.sampling import Sampler
from tests.doubles.vault_site import site_config
from vault.config import VaultConfig
from vault.wiring import Seams, grpc_options, running_vault


def start(options: argparse.Namespace) -> None:
    """Serve until told to stop: in this process, or inside an Envoy in its place."""
    if options.transport == "envoy":
        config = _config(options)
        application = "tests.bench.in_envoy:guest"
        arguments = {"argv": sys.argv[1:]}
        become_envoy(application, grpc_options(config, reuse_port=False), config.tls, arguments)
    forbid_core_dumps()
    run(serve(options))


def _config(options: argparse.Namespace) -> VaultConfig:
    settings: dict[str, Any] = {} if options.events else {"events_url": "none"}
    if options.otlp_endpoint is not None:
        settings |= {"otlp_endpoint": options.otlp_endpoint, "trace_ratio": options.trace_ratio}
        settings["trace_most"] = 100_000  # the bound must not flatter what is measured
    return site_config(options.dir, database_url=options.database_url, **settings)


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
    config, directory = _config(options), options.dir
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
