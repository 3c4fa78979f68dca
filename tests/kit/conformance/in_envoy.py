"""The suite's service inside Envoy: `Guest` and `Gate` as the product has them, other methods."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import structlog

from chassis.envoy.gate import Gate, Method
from chassis.envoy.guest import Guest
from tests.kit.conformance.handlers import Handlers
from tests.kit.conformance.messages import SERVICE, Messages
from tests.kit.conformance.place import Place
from tests.kit.conformance.serving import served

APP: Final = "tests.kit.conformance.in_envoy:guest"


async def _main(guest: Guest) -> int:
    # The output is the suite's.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    told = guest.arguments
    place = Place(Path(told["place"]), told["direct"], told["message_bytes"])
    messages = Messages(Path(told["described"]))
    handlers = Handlers(messages)
    methods = {
        f"/{SERVICE}/Unary": Method(unary=handlers.unary),
        f"/{SERVICE}/ServerStream": Method(stream=handlers.stream),
        f"/{SERVICE}/ClientStream": Method(duplex=handlers.client_stream),
        f"/{SERVICE}/BidiStream": Method(duplex=handlers.bidi),
    }
    gate = Gate(methods.get, place.options.limits, lambda: None)
    guest.attach(gate)
    looking = asyncio.create_task(gate.absent.run())
    try:
        await served(place, messages, await guest.listening(), guest.on_signal)
    finally:
        looking.cancel()
        place.remove()
    return 0


guest = Guest(_main)
