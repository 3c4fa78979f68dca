"""Leases on audit chains: who is alive. Several processes serve one database, a chain each.

A flush renews its chain's lease in the statement that moves the head; this task renews it while
nothing is flushed. A process that stalls for longer may find its chain ended by another one: its
next flush then fails, and it stops. Leases have a link of their own: behind another statement that
is stuck, a whole lease would pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import structlog

from chassis.postgres.connection import Link
from chassis.postgres.sql import NOW
from vault.adapters.postgres.sql import LEASE_US
from vault.usecases.ports import StoreError

RENEW: Final = (
    f"UPDATE chains SET lease = {NOW} + {LEASE_US}"  # noqa: S608 - constants only
    " WHERE chain = ANY($1::text[]) AND NOT ended RETURNING chain"
)
RELEASE: Final = "UPDATE chains SET lease = 0 WHERE chain = ANY($1::text[]) AND NOT ended"
INTERVAL_S: Final = LEASE_US / 4e6
RETRY_S: Final = 0.5
"""After a failure: once the database is back, reapers wait for 10 s, and for no longer."""
_log = structlog.get_logger("vault")


async def keep_leases(
    link: Link,
    chains: Collection[str],
    interval_s: float = INTERVAL_S,
    retry_s: float = RETRY_S,
) -> None:
    """Renew the leases of `chains`, as it is at each turn, until cancelled."""
    held: set[str] = set()  # renewed at least once: a chain may be ours before its first row is
    failed = False
    pause = interval_s
    while True:
        await asyncio.sleep(pause)
        pause = interval_s
        if not chains:
            continue
        try:
            renewed = {row[0] for row in await link.write(RENEW, (sorted(chains),))}
        except StoreError as error:
            pause = retry_s
            if not failed:  # of several in a row
                _log.warning("leases not renewed", error_type=type(error).__name__)
            failed = True
            continue
        if failed:
            _log.info("leases renewed again")
        failed = False
        for chain in sorted(held - renewed):
            _log.error("audit chain ended by another process", chain=chain)
        held = renewed


async def release_leases(link: Link, chains: Collection[str]) -> None:
    """Give the leases back, so that a successor ends these chains as soon as it starts."""
    if chains:
        try:
            await link.write(RELEASE, (sorted(chains),))
        except StoreError as error:
            _log.warning("lease not given back", error_type=type(error).__name__)
