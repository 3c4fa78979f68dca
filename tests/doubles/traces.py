"""Tracing as tests like it: opened towards a receiver, and headers that ask for a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chassis.metrics import ChassisMetrics
from chassis.tracing.open import Tracing, open_tracing
from chassis.tracing.settings import TraceSettings
from tests.doubles.otlp_receiver import OtlpReceiver

TRACE: Final = "ab" * 16
CALLER: Final = "cd" * 8
ASKED: Final = (("traceparent", f"00-{TRACE}-{CALLER}-01"),)
"""Metadata of a caller whose own trace is sampled."""
DECLINED: Final = (("traceparent", f"00-{TRACE}-{CALLER}-00"),)


@asynccontextmanager
async def opened(
    receiver: OtlpReceiver, *, ratio: float = 0.0, most: int = 1_000, service: str = "test"
) -> AsyncIterator[Tracing]:
    """Yield tracing towards the receiver; what is left is sent on the way out."""
    settings = TraceSettings(service, receiver.endpoint, ratio, most)
    async with open_tracing(settings, ChassisMetrics()) as tracing:
        assert tracing is not None
        yield tracing
