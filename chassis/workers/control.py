"""The supervisor's end of a worker's control connection."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final, NamedTuple

from chassis.workers.frames import MAX_BODY, header_of, question

ASK_S: Final = 2.0
MOST_WAITING: Final = 8
"""Questions without an answer, to one worker: past that it is not asked, it is hopeless."""


class NoAnswer(Exception):
    """A worker did not answer in time, or no longer can."""


class Answer(NamedTuple):
    """What a worker said."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Tell whether it said yes."""
        return self.status == HTTPStatus.OK


class Control(asyncio.Protocol):
    """Asks; an answer that nobody waits for any more is read and dropped."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._asked = 0
        self._waiting: Final[dict[int, asyncio.Future[Answer]]] = {}
        self._unanswered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up the connection."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a socket's is
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take answers out of what has come; hang up on what is none."""
        self._buffer += data
        while (head := header_of(self._buffer)) is not None:
            number, status, size, begin = head
            if size > MAX_BODY:
                self.close()
                return
            if len(self._buffer) < begin + size:
                return
            body = bytes(self._buffer[begin : begin + size])
            del self._buffer[: begin + size]
            self._unanswered -= 1
            waiting = self._waiting.pop(number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(Answer(status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still waits that nothing will come."""
        self._transport = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(NoAnswer())
        self._waiting.clear()

    async def ask(self, path: str, within: float = ASK_S) -> Answer:
        """Ask for a path. Raises NoAnswer."""
        if self._transport is None or self._unanswered >= MOST_WAITING:
            raise NoAnswer
        self._asked += 1
        self._unanswered += 1
        number = self._asked
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        self._transport.write(question(number, path))
        try:
            # Not wait_for: in Python 3.11 it drops a cancellation that comes with the answer, and
            # whoever asks here for ever would go on when it was told to stop.
            async with asyncio.timeout(within):
                return await waiting
        except TimeoutError:
            raise NoAnswer from None
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Hang up: the worker, if it lives, leaves."""
        if self._transport is not None:
            self._transport.close()
