"""A process that works on channels: it opens exceptions until another one has a channel's work.

Usage: writer.py DSN SPAN_S WRITER CHANNEL... Started and stopped by test_leases.py. An exception's
subject is `WRITER/CHANNEL/n`. It says of each channel what ended its work there.
"""

from __future__ import annotations

import asyncio
import sys

from updater.adapters.engine import Bench
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.domain.errors import StandsBy, StoreUnavailable
from updater.domain.feed import ExceptionKind, Incident


async def main(dsn: str, span_s: float, writer: str, channels: list[str]) -> None:
    """Work on all channels until refused everywhere."""
    async with open_postgres(Address(dsn), span_s=span_s) as engine, asyncio.TaskGroup() as tasks:
        for channel in channels:
            tasks.create_task(work(engine.bench(channel), f"{writer}/{channel}"))


async def work(bench: Bench, beginning: str) -> None:
    """Write until refused, and say so."""
    await bench.duty.taken()
    for number in range(1_000_000):
        incident = Incident(ExceptionKind.APPLY_REFUSED, f"{beginning}/{number}", "r", opened_at=1)
        try:
            await bench.incidents.open(incident)
            await asyncio.sleep(0.005)  # a test reads them all, often
        except StandsBy:
            sys.stdout.write(f"{beginning} StandsBy\n")
            return
        except StoreUnavailable:
            continue  # stopped in a transaction, whose session the server has ended


asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4:]))
