"""Where a service runs: alone in its process, or as one of a supervisor's workers.

A worker has one connection to its supervisor, a socket pair inherited at its start: over it go the
answers to `/metrics`, `/healthz` and `/readyz`, and when it ends, the supervisor is gone and the
worker leaves. There is no file, port or name that anybody else could use.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Protocol

from chassis.ops import Answers, serving_ops
from chassis.workers.frames import read_question, write_answer


class Host(Protocol):
    """What a composition root has to know about its process."""

    @property
    def reuse_port(self) -> bool:
        """Tell whether other processes listen on the same ports."""

    def serving_ops(self, answers: Answers) -> AbstractContextManager[int]:
        """Serve `/metrics` and its like; yields the port, 0 where the supervisor has it."""

    async def before_stop(self, delay: timedelta) -> None:
        """Wait, after NOT_SERVING, until endpoints have noticed; connections are still taken."""


class Alone:
    """A service that is its process's only one on its ports."""

    reuse_port: Final = False

    def __init__(self, ops_listen: str) -> None:
        self._ops_listen: Final = ops_listen

    def serving_ops(self, answers: Answers) -> AbstractContextManager[int]:
        """Serve on the ops port. Raises OSError if it is taken."""
        return serving_ops(self._ops_listen, answers)

    async def before_stop(self, delay: timedelta) -> None:
        """Wait until endpoints have noticed."""
        await asyncio.sleep(delay.total_seconds())


class Worker:
    """One of several. `running()` first; it answers "starting" until the service serves."""

    reuse_port: Final = True

    def __init__(self, control: socket.socket, patience_s: float) -> None:
        self._control: Final = control
        self._patience_s: Final = patience_s
        self._answers: Answers = _Starting()
        self._retired = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer the supervisor until the block is left."""
        thread = threading.Thread(target=self._answer, name="control", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # The thread ends with the process: until then it still says that we are leaving.
            self._answers = _Starting()

    def retire(self) -> None:
        """Note that another worker has this one's place; the service is stopped by its caller."""
        self._retired = True

    @contextmanager
    def serving_ops(self, answers: Answers) -> Iterator[int]:
        """Answer from these; there is no port."""
        self._answers = answers
        yield 0

    async def before_stop(self, delay: timedelta) -> None:
        """Wait until endpoints have noticed; not at all where only this worker goes."""
        if not self._retired:
            await asyncio.sleep(delay.total_seconds())

    def _answer(self) -> None:
        with self._control.makefile("rwb") as stream:
            while (question := read_question(stream)) is not None:
                number, path = question
                status, body = self._answer_to(path)
                if not write_answer(stream, number, status, body):
                    break
        # The supervisor is gone: nobody would ever stop or watch us. Drain, and if that hangs, end.
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(self._patience_s)
        os._exit(1)

    def _answer_to(self, path: str) -> tuple[HTTPStatus, bytes]:
        """Answer, whatever happens: a worker that falls silent is killed, for one bad number."""
        try:
            status, body, _kind = self._answers.answer(path)
        except Exception:  # noqa: BLE001 - told as the answer; the worker serves on
            return HTTPStatus.INTERNAL_SERVER_ERROR, b""
        return status, body


class _Starting:
    """What a worker says while there is nothing to ask yet, or any more."""

    def answer(self, path: str) -> tuple[HTTPStatus, bytes, str]:
        """Say alive, not ready, nothing counted."""
        if path == "/readyz":
            return HTTPStatus.SERVICE_UNAVAILABLE, b"missing: starting\n", "text/plain"
        return HTTPStatus.OK, b"" if path == "/metrics" else b"ok\n", "text/plain"


def open_worker(control: int, patience_s: float) -> Worker:
    """Take up the connection that the supervisor left open at this descriptor. Raises OSError."""
    connection = socket.socket(fileno=control)
    connection.set_inheritable(False)
    return Worker(connection, patience_s)
