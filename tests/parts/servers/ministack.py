"""ministack: an independent second take at AWS's APIs; told to bind loopback only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.servers.python_process import python_process
from tools.running.ports import free_ports


@contextmanager
def ministack(directory: Path) -> Iterator[str]:
    """Serve until the block is left; yield the URL."""
    (port,) = free_ports(1)
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    with python_process(
        [sys.executable, "-m", "ministack"], directory, port, "/_ministack/health", settings
    ):
        yield f"http://127.0.0.1:{port}"
