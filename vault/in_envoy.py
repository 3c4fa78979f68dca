"""The vault inside Envoy: what `cardvault serve --transport envoy` becomes.

Envoy imports this module and runs `guest`; nobody else does.
"""

from __future__ import annotations

from contextlib import ExitStack

from chassis.endings import run_inside, until_signalled
from chassis.envoy.guest import Guest
from chassis.envoy.server import EnvoyTransport
from chassis.workers.host import Alone, Host, open_worker
from vault.cli.serve import STARTING, exit_status, leave_s, metrics_and_logs
from vault.cli.settings import load_config
from vault.wiring import running_vault


async def _main(guest: Guest) -> int:
    """Serve as the command was told to; return the exit status."""
    told = guest.arguments
    config = load_config(told["workers"], "envoy")
    with ExitStack() as stack:
        host: Host = Alone(config.ops_listen)
        retire = None
        if told["control"] is not None:
            worker = open_worker(told["control"], leave_s(config))
            stack.enter_context(worker.running())
            host, retire = worker, worker.retire
        metrics = metrics_and_logs(config, told["number"])
        running = running_vault(config, metrics=metrics, host=host, transport=EnvoyTransport(guest))
        serving = until_signalled(running, retire, guest.on_signal)
        return exit_status(await run_inside(serving, STARTING))


guest = Guest(_main)
