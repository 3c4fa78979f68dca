"""One child process: started, waited for, killed, stopped, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from chassis.address import split_address
from tools.running.guardian import mind

_LOOK: Final = 0.05
_PROBE_TIMEOUT: Final = 2.0


class ProcessFailed(Exception):
    """A process did not start, or ended by itself. The text has the end of its log."""


class Process:
    """A child with its output in a file. Not thread-safe; one event loop uses it.

    The environment is `env` and nothing else, so that no variable of the developer's gets in.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
    ) -> None:
        self.name: Final = name
        self.log: Final = log
        self._command: Final = tuple(command)
        self._env: Final = dict(env)
        self._cwd: Final = cwd
        self._child: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the running child's id. Raises ProcessFailed where none was started."""
        if self._child is None:
            raise ProcessFailed(f"{self.name} was not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Tell whether the child is alive."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child; output is appended, so that a restart keeps what its past said."""
        if self.running:
            raise ProcessFailed(f"{self.name} runs already")
        self._forget()
        self._output = self.log.open("ab")
        # A session of its own: Ctrl-C at the terminal reaches us, and we stop things in order.
        self._child = subprocess.Popen(
            self._command,
            env=self._env,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        mind(self._child.pid)

    async def ready(self, ops_address: str, within: float = 30.0) -> None:
        """Wait until `/readyz` says so. Raises ProcessFailed if the child ends or takes longer."""
        until = time.monotonic() + within
        while not await is_ready(ops_address):
            if not self.running:
                raise ProcessFailed(f"{self.name} ended before it was ready{self._tail()}")
            if time.monotonic() > until:
                raise ProcessFailed(f"{self.name} was not ready in time{self._tail()}")
            await asyncio.sleep(_LOOK)

    def kill(self) -> None:
        """Send SIGKILL to this child alone and wait until it is gone: kill -9."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
            self._child.wait()

    async def stop(self, within: float = 30.0) -> int:
        """Ask with SIGTERM, then insist. Return the exit status; negative: a signal's number."""
        if self._child is None:
            return 0
        if self.running:
            self._child.send_signal(signal.SIGTERM)
        try:
            return await self.ended(within)
        except ProcessFailed:
            self.kill()
            return self._child.returncode or 0

    async def ended(self, within: float = 30.0) -> int:
        """Wait until the child has ended by itself. Raises ProcessFailed if it takes longer."""
        until = time.monotonic() + within
        while self.running:
            if time.monotonic() > until:
                raise ProcessFailed(f"{self.name} still runs{self._tail()}")
            await asyncio.sleep(_LOOK)
        self._forget()
        return self._child.returncode if self._child is not None else 0

    def close(self) -> None:
        """Leave nothing behind."""
        self.kill()
        self._forget()

    def _forget(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-12:]
            return ":\n  " + "\n  ".join(lines)
        return ""


async def is_ready(ops_address: str) -> bool:
    """Tell whether a service's `/readyz` answers 200."""
    host, port = split_address(ops_address)
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status
