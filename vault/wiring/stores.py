"""What holds cards and codes: opened for as long as the vault runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.clock import Clock
from chassis.fault import Fault
from vault.adapters.engine import Engine
from vault.adapters.memory.ports import open_memory
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_codes
from vault.adapters.sqlite.open import open_sqlite
from vault.config import VaultConfig
from vault.crypto.keys import KeyPurpose
from vault.crypto.mac import MacKey
from vault.doctor.promises import check_promises
from vault.usecases.key_making import KeyMaker
from vault.usecases.ports import Kms, SecurityCodes


@asynccontextmanager
async def open_engine(config: VaultConfig, fault: Fault, vfs: str | None) -> AsyncIterator[Engine]:
    """Open the database; `fault` is told what breaks SQLite between calls."""
    path, address = config.sqlite_path, config.postgres
    if address is not None:
        # A production extra: an embedded vault needs no driver.
        from vault.adapters.postgres.open import open_postgres  # noqa: PLC0415

        await check_promises(config)
        async with open_postgres(address) as engine:
            yield engine
    elif path is None:
        async with open_memory() as engine:
            yield engine
    else:
        async with open_sqlite(path, broken=fault.note, vfs=vfs) as engine:
            yield engine


@asynccontextmanager
async def open_security_codes(
    config: VaultConfig, engine: Engine, kms: Kms, clock: Clock, breaker: Breaker | None
) -> AsyncIterator[SecurityCodes]:
    """Open where security codes wait: Redis, or this process's memory."""
    if config.redis is None or breaker is None:
        yield MemorySecurityCodes(clock)
        return
    maker = KeyMaker(engine.keys, kms, clock.now_us)
    (row, secret), *_older = await maker.unwrapped("", [KeyPurpose.CODE_NAME])
    async with open_codes(config.redis, breaker, MacKey(row.key_id, secret)) as codes:
        yield codes
