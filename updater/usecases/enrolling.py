"""Keep every tenant's enrolments up to the vault's state: one piece of work, for all channels."""

from collections.abc import Sequence
from dataclasses import dataclass

from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.usecases.enrol import Enrol
from updater.usecases.report import CycleReport


@dataclass(frozen=True, slots=True)
class Enrolling:
    """Enrol for each tenant; one that fails leaves the others to go on."""

    tenants: Sequence[str]
    enrol: Enrol

    async def __call__(self) -> CycleReport:
        """Read what changed at the vault, once for each tenant."""
        enrolled, trouble = 0, list[str]()
        for tenant in self.tenants:
            try:
                enrolled += await self.enrol(tenant)
            except (VaultUnavailable, VaultRefused) as error:
                trouble.append(error.reason.value)
        return CycleReport(enrolled=enrolled, trouble=trouble)
