"""The service inside Envoy: an ASGI application whose lifespan is the service's life.

Envoy starts it before it listens, and hears nothing of signals. The service ends the process
itself, when it has drained: Envoy then has nothing left to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Never

import structlog

from chassis.endings import OnSignal
from chassis.envoy.admin import Admin
from chassis.envoy.frames import Receive
from chassis.envoy.gate import Gate, Scope, Send
from chassis.envoy.launch import HANDOVER, SIGNALS
from chassis.failures import describe
from chassis.runtime import forbid_core_dumps, settle
from chassis.uncaught import tell_without_text

_log = structlog.get_logger("chassis.envoy")
_LISTEN_S: Final = 10.0


class Guest:
    """Runs `main` inside Envoy; its result is the process's exit status.

    `main` gets this object: `arguments` are what the command left for it, `on_signal` hears what is
    sent to the process, and an `EnvoyTransport` made of it serves.
    """

    def __init__(self, main: Callable[[Guest], Coroutine[Any, Any, int]]) -> None:
        self._main: Final = main
        self._gate: Gate | None = None
        self._begun: Final = asyncio.Event()
        self._over: Final = asyncio.Event()
        self._handlers: Final[dict[int, Callable[[], None]]] = {}
        self.arguments: dict[str, Any] = {}

    @property
    def directory(self) -> Path:
        """Return the private directory that is shared with Envoy."""
        return Path(self.arguments["directory"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take an event of Envoy's: a call, or the beginning of all."""
        if scope["type"] == "http" and self._gate is not None:
            await self._gate(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    def attach(self, gate: Gate) -> None:
        """Have calls answered by this gate."""
        self._gate = gate

    async def listening(self) -> int:
        """Have Envoy listen; return the port. Raises OSError where the address is taken."""
        self._begun.set()
        return await Admin(self.directory).until_listening(self._over, _LISTEN_S)

    @property
    def on_signal(self) -> OnSignal:
        """Return what has a function called when the process gets a signal."""
        return self._handlers.__setitem__

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        # The variable was for us, the library for this process: neither for one that we start.
        self.arguments = json.loads(os.environ.pop(HANDOVER))  # noqa: TID251 - from our own command
        os.environ.pop("LD_PRELOAD", None)  # noqa: TID251
        with contextlib.suppress(ValueError):
            sys.path.remove(".")  # pyvoy's; it meant our private directory until now
        os.chdir(self.arguments["back"])
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=(loop,), name="signals", daemon=True).start()
        forbid_core_dumps()
        tell_without_text()
        settle()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run())
            await self._begun.wait()
            await send({"type": "lifespan.startup.complete"})
            await receive()  # Envoy ends of its own accord: it could not listen, or was told to
            self._over.set()
            self._deliver(signal.SIGTERM)

    async def _run(self) -> None:
        status = 1
        try:
            status = await self._main(self)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except BaseException as error:  # noqa: BLE001 - nobody else would tell
            _log.critical("stopped by an unexpected error", **describe(error))
        finally:
            self._end(status)

    def _end(self, status: int) -> Never:
        shutil.rmtree(self.directory, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            loop.call_soon_threadsafe(self._deliver, signal.sigwait(SIGNALS))

    def _deliver(self, number: int) -> None:
        handler = self._handlers.get(number)
        if handler is not None:
            handler()
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._end(128 + number)  # before there was anything to stop
