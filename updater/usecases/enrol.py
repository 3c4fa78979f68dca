"""Enrolment by consent: read what changed at the vault, and keep who may be asked about."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from updater.domain.errors import VaultRefused
from updater.usecases.ports import Clock
from updater.usecases.ports_store import EnrolmentStore
from updater.usecases.ports_vault import CredentialPage, Vault

OVERLAP_US: Final = 5 * 60_000_000
"""How far one pass reaches back behind the beginning of the last: a minute, as the stream asks
for (ADR 0008), and more for clocks that are apart."""
WHOLE_EVERY_US: Final = 24 * 3_600_000_000
"""How often all cards are read: a clock that was wrong, or a time to live that ran out without a
change, is made good after a day at most."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a tenant's cards were read: a pass, in the order of tokens, over what changed.

    Times are µs: `whole` is when the last pass over all cards began. `cursor` is empty between two
    passes.
    """

    changed_since: int = 0
    began: int = 0
    whole: int = 0
    cursor: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reading":
        """Read what `text` wrote; of anything else nothing is known, so all is read again."""
        try:
            fields = json.loads(text)
            since, began, whole = [int(fields[at]) for at in ("changed_since", "began", "whole")]
            return cls(since, began, whole, str(fields["cursor"]))
        except (ValueError, KeyError, TypeError):
            return cls()

    def text(self) -> str:
        """Return what is kept."""
        return json.dumps(asdict(self))

    def begun(self, now: int) -> "Reading":
        """Return this pass under way, or the one that was cut off."""
        if self.cursor:
            return self
        if not 0 <= now - self.whole < WHOLE_EVERY_US or self.changed_since > now:
            return Reading(began=now, whole=now)
        return replace(self, began=now)

    def after(self) -> "Reading":
        """Return the next pass: over all that may have changed behind this one's cursor."""
        return Reading(max(0, self.began - OVERLAP_US), whole=self.whole)


@dataclass(frozen=True, slots=True)
class Enrol:
    """Bring the enrolments up to the vault's state. A pass that was cut off is gone on with."""

    vault: Vault
    enrolments: EnrolmentStore
    clock: Clock
    by_consent: bool = True

    async def __call__(self, tenant: str) -> int:
        """Return how many enrolments are new or changed. Raises VaultUnavailable, VaultRefused."""
        changed = 0
        at = Reading.parse(await self.enrolments.cursor(tenant)).begun(self.clock.now_us())
        try:
            async for page in self.vault.credentials(tenant, at.cursor, at.changed_since):
                at = replace(at, cursor=page.cursor)
                changed += await self._keep(tenant, replace(page, cursor=at.text()))
        except VaultRefused:
            # The vault may no longer know the cursor: the same pass then begins anew.
            await self._keep(tenant, CredentialPage((), replace(at, cursor="").text()))
            raise
        await self._keep(tenant, CredentialPage((), at.after().text()))
        return changed

    async def _keep(self, tenant: str, page: CredentialPage) -> int:
        now = self.clock.now_us()
        return await self.enrolments.sync(tenant, page, enrol=self.by_consent, at=now)
