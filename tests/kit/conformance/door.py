"""A door for clients without a certificate: it has one, and passes their bytes on.

All but one of the suite's cases, and its second client, grpc-go's, know no client certificates; the
server under test takes nobody without. What passes is HTTP/2 as the client wrote it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from chassis.tls import TlsFiles
from tests.kit.conformance.place import HOST

_PIECE: Final = 64 << 10


@asynccontextmanager
async def door(files: TlsFiles, port: int) -> AsyncIterator[int]:
    """Listen in front of this port; yield the door's own."""
    context = ssl.create_default_context(cafile=str(files.ca))
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["h2"])
    inside: set[asyncio.Task[None]] = set()

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        inside.add(task)
        try:
            with suppress(asyncio.CancelledError):  # by us, at the end: asyncio would print it
                await _pass(reader, writer, context, port)
        finally:
            inside.discard(task)

    server = await asyncio.start_server(passed, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in inside:
            task.cancel()
        await asyncio.gather(*inside, return_exceptions=True)


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    context: ssl.SSLContext,
    port: int,
) -> None:
    try:
        there = await asyncio.open_connection(HOST, port, ssl=context)
        try:
            ways = (_copy(reader, there[1]), _copy(there[0], writer))
            tasks = [asyncio.ensure_future(way) for way in ways]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            there[1].close()
    except OSError:
        pass  # a client sees that its connection ends
    finally:
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
