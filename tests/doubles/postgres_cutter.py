"""A proxy in front of PostgreSQL that counts protocol messages and cuts at the one it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

TLS_ASKED = (80877103).to_bytes(4, "big")
Side = Literal["client", "server"]  # who sends the message at which the connection is cut


class Cutter:
    """Forwards whole messages; once armed, loses one of them, or half of it, and the connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._side: Side = "client"
        self._left = -1
        self._torn = False
        self._refusing = False
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.cuts = 0

    @property
    def left(self) -> int:
        """Return how many messages may still pass; -1 where nothing is to be cut."""
        return self._left

    def arm(self, side: Side, messages: int, *, torn: bool) -> None:
        """Cut when `side` sends the message behind this many; `torn` lets half of it through."""
        self._side, self._left, self._torn = side, messages, torn

    def disarm(self) -> None:
        """Forward everything again."""
        self._left = -1

    def refuse(self) -> None:
        """Close new connections at once, as a host that does not serve."""
        self._refusing = True

    def break_all(self) -> None:
        """End the connections that there are, as a host that dies."""
        for each in self._open:
            each.transport.abort()

    def accept(self) -> None:
        """Take connections again."""
        self._refusing = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between one client and the server."""
        if self._refusing:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        both = (writer, server_writer)
        self._open.update(both)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump("client", reader, server_writer, both))
                tasks.create_task(self._pump("server", server_reader, writer, both))
        finally:
            self._open.difference_update(both)
            for each in both:
                each.transport.abort()

    async def _pump(
        self,
        side: Side,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        """Forward messages until an end closes."""
        first = side == "client"  # a client's first message has no type
        while True:
            try:
                head = await source.readexactly(4 if first else 5)
                size = int.from_bytes(head[-4:], "big") - 4
                message = head + await source.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            if first and message[4:] == TLS_ASKED:
                both[0].write(b"N")  # its answer has no length: said here, it is never counted
                continue
            first = False
            if side == self._side and self._left == 0:
                self._left = -1
                self.cuts += 1
                if self._torn:
                    sink.write(message[: len(message) // 2])
                    await sink.drain()
                    await asyncio.sleep(0.005)
                break
            if side == self._side and self._left > 0:
                self._left -= 1
            sink.write(message)
        for each in both:
            each.transport.abort()


@asynccontextmanager
async def cutter(target: int) -> AsyncIterator[Cutter]:
    """Listen on a free port, in front of `target`, until the block ends."""
    proxy = Cutter(target)
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await proxy.serve(reader, writer)
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass  # the test is about the vault's side
        finally:
            running.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        if running:
            await asyncio.wait(list(running), timeout=5)
