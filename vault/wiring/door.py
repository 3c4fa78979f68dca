"""What a call passes: the guard at the door, and the handlers behind it."""

from __future__ import annotations

from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest

from chassis.clock import Clock
from chassis.door import open_guard
from chassis.guard import Guard
from chassis.identity import Identity
from chassis.metrics import ChassisMetrics
from chassis.policy_file import PolicyFile
from chassis.validation import Validation
from vault.config import VaultConfig
from vault.domain.intents import Caller, Note
from vault.rpc.audits import AuditHandlers
from vault.rpc.calls import Desk
from vault.rpc.cards import CardHandlers, ReadViews
from vault.rpc.changes import ChangeHandlers
from vault.rpc.credentials import CredentialHandlers
from vault.rpc.errors import translate
from vault.rpc.reveals import RevealHandlers
from vault.rpc.reverts import RevertHandlers
from vault.rpc.routes import Handlers
from vault.rpc.tokenize import TokenizeHandlers
from vault.usecases.codes import CodeVault
from vault.wiring.core import Core


def make_guard(
    config: VaultConfig,
    clock: Clock,
    metrics: ChassisMetrics,
    policy: PolicyFile,
    validation: Validation,
    core: Core,
) -> Guard:
    """Make the guard that every method is wrapped in."""

    async def refused(
        identity: Identity | None, method: str, tenant: str, reason: str, origin: str
    ) -> None:
        """Audit a call that was turned away at the door, in the trail of its own tenant."""
        principal = identity.principal if identity else "(unknown)"
        if identity is None or tenant not in identity.tenants:
            # Never under the name that was asked for: whoever asks would make that tenant's keys.
            tenant = identity.tenants[0] if identity and identity.tenants else ""
        name = reason.removeprefix("ERROR_REASON_")
        await core.refusals.refused(
            Caller(tenant, principal, origin), Note(method, "refused", name)
        )

    return open_guard(
        config, clock, metrics, policy, validation, translate=translate, on_refused=refused
    )


def make_handlers(core: Core, clock: Clock, validation: Validation, views: ReadViews) -> Handlers:
    """Make the handlers of all methods."""
    validation.prepare_items(BatchTokenizeRequest, "requests")
    desk = Desk(core.ledger, clock, core.refusals.refused)
    codes = CodeVault(core.codes, core.keyring)
    reader, keyring = core.engine.reader, core.keyring
    return Handlers(
        tokenize=TokenizeHandlers(desk, codes, validation),
        cards=CardHandlers(desk, reader, keyring, views),
        changes=ChangeHandlers(desk, codes),
        reveals=RevealHandlers(desk, codes),
        credentials=CredentialHandlers(desk, reader, keyring, validation),
        reverts=RevertHandlers(desk, reader, core.engine.files, keyring),
        audits=AuditHandlers(desk, core.engine.audit, keyring),
    )
