"""The vault's database: PostgreSQL, or the embedded file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from chassis.doctor.finding import Finding
from chassis.doctor.sqlite import sqlite_findings
from vault.adapters.postgres.address import Address
from vault.adapters.sqlite.connection import open_writer
from vault.usecases.ports import StoreError


async def postgres_database(
    address: Address, *, processes: int, timeout_s: float
) -> Sequence[Finding]:
    """Look at PostgreSQL as the serving role."""
    # A production extra: an embedded vault needs neither driver nor Alembic.
    from chassis.doctor.postgres_subject import look  # noqa: PLC0415
    from vault.adapters.postgres.open import LINKS  # noqa: PLC0415
    from vault.doctor.tables import TABLES  # noqa: PLC0415

    return await look(address, TABLES, processes=processes, timeout_s=timeout_s, beside=LINKS)


async def sqlite_database(path: Path, *, timeout_s: float) -> Sequence[Finding]:
    """Look at the embedded file; a vault may be serving it."""
    return await asyncio.to_thread(
        sqlite_findings, path, open_writer, (StoreError,), check_s=timeout_s * 0.8
    )
