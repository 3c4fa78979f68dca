"""A process that works: it opens exceptions until another one works, and says that it stands by.

Usage: writer.py DSN SPAN_S. Started and stopped by test_leases.py.
"""

from __future__ import annotations

import asyncio
import sys

from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.domain.errors import StandsBy, StoreUnavailable
from updater.domain.feed import ExceptionKind, Incident


async def main(dsn: str, span_s: float) -> str:
    """Write until refused; return what to print."""
    async with open_postgres(Address(dsn), span_s=span_s) as engine:
        for number in range(1_000_000):
            incident = Incident(ExceptionKind.APPLY_REFUSED, f"child-{number}", "r", opened_at=1)
            try:
                await engine.incidents.open(incident)
            except StandsBy:
                return "StandsBy"
            except StoreUnavailable:
                continue  # stopped in a transaction, whose session the server has ended
    return "nothing"


sys.stdout.write(asyncio.run(main(sys.argv[1], float(sys.argv[2]))) + "\n")
