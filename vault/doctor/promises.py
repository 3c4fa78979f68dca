"""What `serve` refuses in production: a database that cannot keep what the vault promises."""

from __future__ import annotations

from collections.abc import Callable

from chassis.doctor.finding import Finding
from vault.config import VaultConfig


async def check_promises(config: VaultConfig, warn: Callable[[Finding], object]) -> None:
    """Refuse to start on a broken promise; with CARDVAULT_DOCTOR=warn, tell `warn` each one.

    In production on PostgreSQL only: the embedded store checks itself when it is opened. A few
    statements on a connection of its own. Raises PromiseBroken, a StoreError.
    """
    if config.environment != "production" or config.postgres is None:
        return
    # A production extra.
    from chassis.doctor.postgres_subject import broken_promises, refused  # noqa: PLC0415
    from vault.doctor.tables import TABLES  # noqa: PLC0415

    found = await broken_promises(config.postgres, TABLES)
    if found and config.doctor == "refuse":
        raise refused(found, "CARDVAULT_DOCTOR")
    for each in found:
        warn(each)
