"""A server that is a Python module: started with an environment of its own, stopped by its pid."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.running.guardian import mind

START_S = 60.0


@contextmanager
def python_process(
    command: Sequence[str],
    directory: Path,
    port: int,
    ready: str,
    settings: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run until the block is left; enter it once `ready` answers something over HTTP."""
    # Home and scratch are ours, so that nothing is left behind and nobody's settings are read.
    environment = {"HOME": str(directory), "TMPDIR": str(directory), "PATH": "/usr/bin:/bin"}
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=directory,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"} | dict(settings or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    mind(process.pid)
    try:
        _await(process, f"http://127.0.0.1:{port}{ready}", log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback URL
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} never answered: {log.read_text(errors='replace')[-2000:]}")
