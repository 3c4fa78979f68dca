"""What a start refuses in production: a database that cannot keep what the updater promises."""

from __future__ import annotations

from collections.abc import Callable

from chassis.doctor.finding import Finding
from chassis.store_errors import StoreError
from updater.config import UpdaterConfig
from updater.domain.errors import UpdaterError


async def check_promises(config: UpdaterConfig, warn: Callable[[Finding], object]) -> None:
    """Refuse to start on a broken promise; with CARDVAULT_UPDATER_DOCTOR=warn, tell `warn` each.

    In production on PostgreSQL only: the embedded store checks itself when it is opened. A few
    statements on a connection of its own. Raises UpdaterError.
    """
    if config.environment != "production" or config.postgres is None:
        return
    # A production extra.
    from chassis.doctor.postgres_subject import broken_promises, refused  # noqa: PLC0415
    from updater.doctor.tables import TABLES  # noqa: PLC0415

    try:
        found = await broken_promises(config.postgres, TABLES)
    except StoreError as error:
        raise UpdaterError(str(error)) from None
    if found and config.doctor == "refuse":
        raise UpdaterError(str(refused(found, "CARDVAULT_UPDATER_DOCTOR")))
    for each in found:
        warn(each)
