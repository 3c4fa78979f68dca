"""`python -m tests.parts.envoy.killable --die after_commit:40`: a vault in Envoy that kills itself.

As `tests/e2e/killable_vault.py`, which says what the phases are, with Envoy around it.
"""

from __future__ import annotations

import argparse

from chassis.endings import run_inside, until_signalled
from chassis.envoy.guest import Guest
from chassis.envoy.launch import become_envoy
from chassis.envoy.server import EnvoyTransport
from chassis.runtime import prepare_environment
from tests.e2e.deadly import MID_CHECKPOINT, MID_WRITE, Deadly, DeadlyFiles
from tests.e2e.killable_vault import parse_limits
from vault.cli.serve import STARTING, exit_status, metrics_and_logs
from vault.config import VaultConfig
from vault.wiring import Seams, grpc_options, running_vault


async def _main(guest: Guest) -> int:
    limits = guest.arguments["limits"]
    deadly = Deadly(limits)
    _files = DeadlyFiles(deadly) if limits.keys() & {MID_WRITE, MID_CHECKPOINT} else None
    config = VaultConfig.load()
    running = running_vault(
        config,
        metrics=metrics_and_logs(config, None),
        transport=EnvoyTransport(guest),
        seams=Seams(phases=deadly),
    )
    serving = until_signalled(running, None, guest.on_signal)
    return exit_status(await run_inside(serving, STARTING))


guest = Guest(_main)


def main() -> None:
    """Read the arguments and become Envoy."""
    prepare_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("--die", action="append", default=[], metavar="PHASE:COUNT")
    limits = parse_limits(parser.parse_args().die)
    config = VaultConfig.load()
    options = grpc_options(config, reuse_port=False)
    become_envoy("tests.parts.envoy.killable:guest", options, config.tls, {"limits": limits})


if __name__ == "__main__":
    main()
