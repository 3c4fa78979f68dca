"""What an operations port of ours shows."""

from __future__ import annotations

import asyncio
import urllib.request


async def scraped(address: str) -> str:
    """Return all readings of a service, by its operations port's address."""

    def fetch() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(fetch)


async def reading(address: str, name: str) -> float:
    """Return one reading without labels."""
    lines = (await scraped(address)).splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])
