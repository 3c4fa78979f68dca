"""Leases on audit chains: who is alive. Several processes serve one database, a chain each.

A flush renews its chain's lease in the statement that moves the head; this task renews it while
nothing is flushed. A process that stalls for longer may find its chain ended by one that started
meanwhile: its next flush then fails, and it stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import structlog

from vault.adapters.postgres.connection import Link
from vault.adapters.postgres.sql import LEASE_US, NOW
from vault.usecases.ports import StoreError

RENEW: Final = (
    f"UPDATE chains SET lease = {NOW} + {LEASE_US}"  # noqa: S608 - constants only
    " WHERE chain = ANY($1::text[]) AND NOT ended"
)
RELEASE: Final = "UPDATE chains SET lease = 0 WHERE chain = ANY($1::text[]) AND NOT ended"
INTERVAL_S: Final = LEASE_US / 4e6
_log = structlog.get_logger("vault")


async def keep_leases(link: Link, chains: Collection[str], interval_s: float = INTERVAL_S) -> None:
    """Renew the leases of `chains`, as it is at each turn, until cancelled."""
    while True:
        await asyncio.sleep(interval_s)
        if chains:
            try:
                await link.write(RENEW, (sorted(chains),))
            except StoreError as error:
                _log.warning("lease not renewed", kind=type(error).__name__)


async def release_leases(link: Link, chains: Collection[str]) -> None:
    """Give the leases back, so that a successor ends these chains as soon as it starts."""
    if chains:
        try:
            await link.write(RELEASE, (sorted(chains),))
        except StoreError as error:
            _log.warning("lease not given back", kind=type(error).__name__)
