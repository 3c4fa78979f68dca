"""Which database the settings name, opened: the only place that knows every engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final

from chassis.store_errors import StoreError
from updater.adapters.engine import Engine
from updater.adapters.sqlite.database import latest_version, schema_version
from updater.adapters.sqlite.open import open_sqlite, open_sqlite_beside
from updater.config import UpdaterConfig
from updater.domain.errors import StoreBroken, UpdaterError
from updater.domain.events import Encode
from updater.rpc.events_out import encode_event

TURN_WITHIN: Final = timedelta(seconds=25)
"""How long to wait for the work of a process that died: its lease, and a little more."""


def open_engine(
    config: UpdaterConfig,
    broken: Callable[[StoreBroken], None] = lambda _fault: None,
    *,
    sharing: bool = True,
) -> AbstractAsyncContextManager[Engine]:
    """Open the database to work on it. Raises UpdaterError.

    `broken` hears of a file that has failed for good; a server's connection is made anew.
    `sharing`: other processes on a server get their share of the work.
    """
    path, address = config.sqlite_path, config.postgres
    encode = _encode(config)
    if path is not None:
        return open_sqlite(path, encode, broken)
    # A production extra: an embedded updater needs no driver.
    from updater.adapters.postgres.open import open_postgres  # noqa: PLC0415

    assert address is not None  # noqa: S101 - the settings accept nothing else
    return open_postgres(address, encode, sharing=sharing)


def open_beside(
    config: UpdaterConfig, *, writable: bool = False
) -> AbstractAsyncContextManager[Engine]:
    """Open it to look, or for a single small change, beside a service. Raises UpdaterError."""
    path, address = config.sqlite_path, config.postgres
    if path is not None:
        return open_sqlite_beside(path, _encode(config), writable=writable)
    from updater.adapters.postgres.open import open_postgres  # noqa: PLC0415

    assert address is not None  # noqa: S101 - the settings accept nothing else
    return open_postgres(address, _encode(config), working=False)


async def migrate(config: UpdaterConfig) -> str:
    """Bring the database to this release's schema; return what was done. Raises UpdaterError."""
    path, address = config.sqlite_path, config.postgres
    if path is not None:
        before = schema_version(path)
        async with open_sqlite(path):
            return f"{path}: schema {before} → {latest_version()}"
    from updater.adapters.postgres import migrating  # noqa: PLC0415

    assert address is not None  # noqa: S101 - the settings accept nothing else
    try:
        return f"the database is at revision {await migrating.migrate(address.dsn)}"
    except StoreError as error:
        raise UpdaterError(str(error)) from None


def _encode(config: UpdaterConfig) -> Encode:
    return None if config.events_url == "none" else encode_event
