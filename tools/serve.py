"""`make serve`: both services in the foreground on their usual ports, and how to call them.

Everything is kept under ./.cardvault and found again at the next start. Ctrl-C stops both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from tools.running.process import Process, ProcessFailed
from tools.running.site import ROOT, STANDARD, Site

_LOOK: Final = 0.2
# Nobody balances load on a developer's machine: no time for endpoints to notice a stop.
_SETTINGS: Final = {
    "CARDVAULT_DEVELOPMENT": "true",
    "CARDVAULT_ENDPOINT_DELAY": "PT0S",
    "CARDVAULT_CONNECTION_AGE": "PT5M",
    "CARDVAULT_UPDATER_ENDPOINT_DELAY": "PT0S",
}
_EXAMPLE: Final = (
    '{"request_id": "6f1c2a8e-0b5d-4c1f-9a57-3d2e8b7c4a10", "customer": "customer-1", '
    '"card": {"number": "4242424242424242", "expiry_month": 12, "expiry_year": 2030}}'
)


def grpcurl(site: Site, identity: str, method: str, body: str, *, updater: bool = False) -> str:
    """Return a shell line that calls one RPC; it works from any directory."""
    files = site.tls(identity)
    service, _, _ = method.partition("/")
    address = site.addresses["CARDVAULT_UPDATER_LISTEN" if updater else "CARDVAULT_LISTEN"]
    return " ".join(
        (
            "grpcurl",
            f"-cacert {files.ca} -cert {files.certificate} -key {files.key}",
            f"-import-path {ROOT}/protos -import-path {ROOT}/third_party/protos",
            f"-proto {_proto(service)}",
            f"-d '{body}'",
            address,
            method,
        )
    )


def _proto(service: str) -> str:
    """Return the proto file of a service's full name."""
    package, _, name = service.rpartition(".")
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    return f"{package.replace('.', '/')}/{snake}.proto"


def simulator(site: Site, seed: int) -> Process:
    """Name the acquirer's and networks' simulator on the site's exchange."""
    return site.process(
        "simulator",
        *("-m", "updater.simulator", "simulate", "--exchange", str(site.exchange)),
        *("--keys", str(site.data / "exchange-keys")),
        *("--simulator-keys", str(site.data / "simulator-keys"), "--seed", str(seed)),
    )


async def serve(site: Site, console: Console, *, seed: int | None) -> int:
    """Run until a signal comes or a process ends by itself; return the exit status.

    Raises ProcessFailed if one can't start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await asyncio.to_thread(site.init)
    await site.start_vault()
    await site.start_updater()
    running = [site.vault, site.updater]
    if seed is not None:
        running.append(simulator(site, seed))
        running[-1].start()
    _explain(site, console)
    ended = await _until(stop, running)
    if ended is not None:
        console.print(f"[bold red]{ended.name} ended by itself[/]; its log: {ended.log}")
        return 1
    console.print("\nstopping", highlight=False)
    for process in reversed(running):
        await process.stop()
    return 0


async def _until(stop: asyncio.Event, running: Sequence[Process]) -> Process | None:
    while not stop.is_set():
        for process in running:
            if not process.running:
                return process
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK)
    return None


def _explain(site: Site, console: Console) -> None:
    at = site.addresses
    for name in ("vault", "updater"):
        key = "CARDVAULT_UPDATER" if name == "updater" else "CARDVAULT"
        metrics = at[f"{key}_OPS_LISTEN"]
        console.print(f"{name:8} {at[f'{key}_LISTEN']}, metrics http://{metrics}/metrics")
    console.print(f"data     {site.data}, logs in {site.logs}")
    store = grpcurl(site, "app", "cardvault.vault.v1.VaultService/Tokenize", _EXAMPLE)
    show = grpcurl(
        site,
        "psp",
        "cardvault.vault.v1.RevealService/Detokenize",
        '{"token": "TOKEN", "purpose": "payment"}',
    )
    console.print("\nStore a card as the application (a published test number):\n")
    console.print(store, markup=False)
    console.print("\nReveal it as the payment service provider; TOKEN is from the answer:\n")
    console.print(show, markup=False)
    console.print("\nCtrl-C stops both.")


def main() -> int:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="make serve", description=__doc__)
    parser.add_argument(
        "--dir", type=Path, default=Path(".cardvault"), help="where things are kept"
    )
    parser.add_argument(
        "--simulate", type=int, metavar="SEED", help="run the networks' simulator, too"
    )
    given = parser.parse_args()
    data = given.dir
    site = Site(data, data / "logs", STANDARD, _SETTINGS)
    console = Console(highlight=False, soft_wrap=True)
    try:
        return asyncio.run(serve(site, console, seed=given.simulate))
    except ProcessFailed as error:
        console.print(str(error), markup=False)
        return 1
    finally:
        site.close()


if __name__ == "__main__":
    sys.exit(main())
