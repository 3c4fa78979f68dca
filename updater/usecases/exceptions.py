"""The queue of what waits for a person: a tenant's exceptions, and what was done about them."""

from dataclasses import dataclass

from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.domain.feed import Incident, IncidentState
from updater.usecases.ports import Clock
from updater.usecases.ports_store import IncidentStore, RequestMark
from updater.usecases.ports_vault import MaskedCard, Vault
from updater.usecases.visible import incident_of


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Show exceptions with their card, and settle them. Settling changes nothing else."""

    incidents: IncidentStore
    vault: Vault
    clock: Clock

    async def get(
        self, tenant: str, exception_id: int, *, with_card: bool
    ) -> tuple[Incident, MaskedCard | None]:
        """Return an exception and, `with_card`, its card as it is now if that can be seen.

        Raises IncidentNotFound. A vault that is away keeps nobody from reading exceptions.
        """
        found = await incident_of(self.incidents, tenant, exception_id)
        if not found.token or not with_card:
            return found, None
        try:
            return found, await self.vault.card(tenant, found.token)
        except (VaultUnavailable, VaultRefused):
            return found, None

    async def settle(
        self,
        tenant: str,
        exception_id: int,
        state: IncidentState,
        reason: str,
        mark: RequestMark,
    ) -> Incident:
        """Note what was done. Raises IncidentNotFound, IncidentSettled, RequestIdReused."""
        await incident_of(self.incidents, tenant, exception_id)
        now = self.clock.now_us()
        return await self.incidents.settle(exception_id, state, reason, at=now, mark=mark)
