"""Enrolment by consent: read what changed at the vault, and keep who may be asked about."""

from dataclasses import dataclass

from updater.usecases.ports import Clock, EnrolmentStore, Vault


@dataclass(frozen=True, slots=True)
class Enrol:
    """Bring the enrolments up to the vault's state. Safe to repeat: goes on at the cursor."""

    vault: Vault
    enrolments: EnrolmentStore
    clock: Clock
    by_consent: bool = True

    async def __call__(self, tenant: str) -> int:
        """Return how many enrolments are new or changed. Raises VaultUnavailable."""
        changed = 0
        cursor = await self.enrolments.cursor(tenant)
        async for page in self.vault.credentials(tenant, cursor):
            changed += await self.enrolments.sync(
                tenant, page, enrol=self.by_consent, at=self.clock.now_us()
            )
        return changed
