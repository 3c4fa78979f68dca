"""What `serve` refuses in production: a database that cannot keep what a service promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from chassis.config import ServiceConfig
from chassis.doctor.finding import Finding
from chassis.postgres.address import Address

if TYPE_CHECKING:
    from chassis.doctor.tables import Tables  # needs the driver

Warn = Callable[[Finding], object]
_log = structlog.get_logger("chassis")


def told(finding: Finding) -> None:
    """Log a broken promise that the operator chose to start with."""
    _log.warning("promise broken", problem=f"{finding.rule.id}: {finding.now}")


async def check_at_start(
    config: ServiceConfig, address: Address | None, tables: Callable[[], Tables], warn: Warn
) -> None:
    """Refuse to start on a broken promise; with the setting DOCTOR=warn, tell `warn` each one.

    In production on PostgreSQL only: the embedded store checks itself when it is opened. A few
    statements on a connection of its own. Raises PromiseBroken, a StoreError.
    """
    if config.environment != "production" or address is None:
        return
    # A production extra.
    from chassis.doctor.postgres_subject import broken_promises, refused  # noqa: PLC0415

    found = await broken_promises(address, tables())
    if found and config.doctor == "refuse":
        raise refused(found, f"{config.model_config['env_prefix']}DOCTOR")
    for each in found:
        warn(each)
