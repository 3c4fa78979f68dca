"""What `serve` refuses in production: a database that cannot keep what the vault promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.doctor.promises import Warn, check_at_start, told
from vault.config import VaultConfig

if TYPE_CHECKING:
    from chassis.doctor.tables import Tables


async def check_promises(config: VaultConfig, warn: Warn = told) -> None:
    """Refuse to start on a broken promise; see `check_at_start`. Raises PromiseBroken."""
    await check_at_start(config, config.postgres, _tables, warn)


def _tables() -> Tables:
    from vault.doctor.tables import TABLES  # noqa: PLC0415 - needs a production extra

    return TABLES
