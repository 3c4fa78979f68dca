"""Readings of a vault's operations port."""

from __future__ import annotations

import asyncio
import urllib.request


async def reading(address: str, name: str) -> float:
    """Return a reading from a vault's operations port."""

    def fetch() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    lines = (await asyncio.to_thread(fetch)).splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])
