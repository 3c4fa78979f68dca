"""`python -m tests.parts.envoy.telling PKI LISTEN`: a guest that says what it is in, and fails.

It serves handlers that fail with a card number in their text, and before that tells a child's
environment and its own limits, as JSON lines on stdout. Its exit status is 7.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from chassis.call import RawCall
from chassis.envoy.guest import Guest
from chassis.envoy.launch import become_envoy
from chassis.envoy.server import EnvoyTransport
from chassis.logs import configure_logs
from chassis.tls import ServerCertificates
from chassis.transport import GrpcOptions
from tests.doubles.chassis_certs import client_files
from tests.doubles.chassis_service import SECRET, SERVICE, Service, Unusual

STATUS: Final = 7
FAULTS: Final[dict[str, Callable[[], BaseException]]] = {
    "/fault/Value": lambda: ValueError(SECRET),
    "/fault/Bare": lambda: Unusual(SECRET),
    "/fault/Exit": lambda: SystemExit(SECRET),
    "/fault/Interrupt": lambda: KeyboardInterrupt(SECRET),
    "/fault/Group": lambda: ExceptionGroup(SECRET, [OSError(SECRET)]),
    "/fault/Stop": lambda: StopAsyncIteration(SECRET),
}
STREAM: Final = f"/{SERVICE}/Count"
_PR_GET_DUMPABLE: Final = 3


def faulty(path: str) -> Callable[[bytes], Awaitable[bytes]] | None:
    """Return what answers a fault's path: by failing, past any guard."""
    fault = FAULTS.get(path)
    if fault is None:
        return None

    async def fail(_request: bytes) -> bytes:
        raise fault()

    return fail


async def broken_stream(request: bytes, _call: RawCall) -> AsyncGenerator[bytes]:
    """Answer once, then fail past any guard."""
    yield request
    raise Unusual(SECRET)


async def _main(guest: Guest) -> int:
    told = guest.arguments
    child = subprocess.run(("/usr/bin/env", "-0"), capture_output=True, check=True)  # noqa: ASYNC221
    said = {
        "child": [each.partition("=")[0] for each in child.stdout.decode().split("\0")],
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "dumpable": ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0),
        "directory": oct(guest.directory.stat().st_mode & 0o777),
        "files": sorted(path.name for path in guest.directory.iterdir()),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    configure_logs(service="vault", level="DEBUG")
    routes = [
        replace(item, stream=broken_stream) if item.route.path == STREAM else item
        for item in Service().routes()
    ]
    certificates = ServerCertificates(client_files(Path(told["pki"]), "server"))
    stop = asyncio.Event()
    guest.on_signal(signal.SIGTERM, stop.set)
    options = GrpcOptions(told["listen"])
    async with EnvoyTransport(guest)(routes, certificates, options, unguarded=faulty):
        logging.getLogger("asyncio").error("serving")
        warnings.warn("serving", stacklevel=1)
        await stop.wait()
    return STATUS


guest = Guest(_main)


def main() -> None:
    """Become Envoy with that inside."""
    pki, listen = sys.argv[1:]
    files = client_files(Path(pki), "server")
    arguments = {"pki": pki, "listen": listen, "parent": os.getpid()}
    become_envoy("tests.parts.envoy.telling:guest", GrpcOptions(listen), files, arguments)


if __name__ == "__main__":
    main()
