"""moto's server: AWS APIs, KMS among them, in one Python process on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.servers.python_process import python_process
from tools.running.ports import free_ports


@contextmanager
def moto(directory: Path) -> Iterator[str]:
    """Serve until the block is left; yield the URL."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with python_process(command, directory, port, "/moto-api/data.json"):
        yield f"http://127.0.0.1:{port}"
