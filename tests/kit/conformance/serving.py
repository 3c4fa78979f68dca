"""Tell the suite where it is served, until it has had enough."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

from chassis.endings import OnSignal
from tests.kit.conformance.door import door
from tests.kit.conformance.messages import Messages, write_sized
from tests.kit.conformance.place import HOST, Place


async def served(place: Place, messages: Messages, port: int, on_signal: OnSignal) -> None:
    """Answer the suite's request, then wait until it ends this process."""
    over = asyncio.Event()
    on_signal(signal.SIGTERM, over.set)
    async with AsyncExitStack() as stack:
        reply = messages["ServerCompatResponse"](host=HOST, port=port)
        if place.direct:
            reply.pem_cert = place.server.certificate.read_bytes()
        else:
            reply.port = await stack.enter_async_context(door(place.client, port))
        write_sized(reply, sys.stdout.buffer)
        await over.wait()
