"""What a start refuses in production: a database that cannot keep what the updater promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.doctor.promises import Warn, check_at_start, told
from chassis.store_errors import StoreError
from updater.config import UpdaterConfig
from updater.domain.errors import UpdaterError

if TYPE_CHECKING:
    from chassis.doctor.tables import Tables


async def check_promises(config: UpdaterConfig, warn: Warn = told) -> None:
    """Refuse to start on a broken promise (`check_at_start`). Raises UpdaterError."""
    try:
        await check_at_start(config, config.postgres, _tables, warn)
    except StoreError as error:
        raise UpdaterError(str(error)) from None


def _tables() -> Tables:
    from updater.doctor.tables import TABLES  # noqa: PLC0415 - needs a production extra

    return TABLES
