"""One worker process as its supervisor sees it: started, asked, told, and always waited for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from typing import Final

from chassis.workers.control import Answer, Control, NoAnswer
from chassis.workers.plan import Plan

_LOOK_S: Final = 0.1


class Child:
    """A running worker. Made by `start()`; whoever has it sees to its end."""

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        control: Control,
    ) -> None:
        self.number: Final = number
        self.began: Final = time.monotonic()
        self.heard: float | None = None  # when it last said that it is alive
        self.ready = False
        self._process: Final = process
        self._control: Final = control
        self._handle = -1
        with contextlib.suppress(ProcessLookupError):  # it may have ended by now
            self._handle = os.pidfd_open(process.pid)

    @classmethod
    async def start(cls, plan: Plan, number: int) -> Child:
        """Start a worker by exec, in a process that inherits its control socket and nothing else.

        Raises OSError where there is no memory or process left.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *plan.command,
                    *("--control", str(theirs.fileno()), "--number", str(number)),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                ours.close()
                raise
        loop = asyncio.get_running_loop()
        _transport, control = await loop.create_connection(Control, sock=ours)
        return cls(number, process, control)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    async def ask(self, path: str) -> Answer:
        """Ask for a path. Raises NoAnswer."""
        return await self._control.ask(path)

    async def look(self) -> None:
        """Ask whether it is alive and ready, and note both."""
        try:
            alive = await self.ask("/healthz")
            ready = await self.ask("/readyz")
        except NoAnswer:
            self.ready = False
            return
        if alive.ok:
            self.heard = time.monotonic()
        self.ready = ready.ok

    async def readied(self, within: float) -> bool:
        """Wait until it is ready; False: it ended, or took too long."""
        until = time.monotonic() + within
        while self.running and time.monotonic() < until:
            await self.look()
            if self.ready:
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.returncode is None

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there.

        By its pidfd: subprocess's own way looks first whether the child has ended, and takes its
        status from under asyncio, which then reports 255.
        """
        if self.running and self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    async def ended(self) -> int:
        """Wait for its end; return its status, negative for a signal."""
        status = await self._process.wait()
        self._control.close()
        self._close_handle()
        self.ready = False
        return status

    async def leave(self, number: signal.Signals, within: float) -> int:
        """Tell it to end, wait, and kill it if it takes longer; return its status."""
        self.ready = False
        self.tell(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self.ended()
        self.tell(signal.SIGKILL)
        return await self.ended()

    def _close_handle(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
