"""Every RPC of the vault in one table: path, messages, permission, handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cardvault.vault.v1 import (
    audit_service_pb2 as audit_pb,
)
from cardvault.vault.v1 import (
    credential_service_pb2 as credential_pb,
)
from cardvault.vault.v1 import (
    reveal_service_pb2 as reveal_pb,
)
from cardvault.vault.v1 import (
    vault_service_pb2 as vault_pb,
)
from google.protobuf.message import Message

from cards.permissions import PERMISSIONS, REVEALED_STATUSES
from chassis.policy import Vocabulary
from chassis.routes import Handler, Kind, Route
from vault.rpc.audits import AuditHandlers
from vault.rpc.cards import CardHandlers
from vault.rpc.changes import ChangeHandlers
from vault.rpc.credentials import CredentialHandlers
from vault.rpc.reveals import RevealHandlers
from vault.rpc.reverts import RevertHandlers
from vault.rpc.tokenize import TokenizeHandlers

PACKAGE: Final = "cardvault.vault.v1"

VOCABULARY: Final = Vocabulary(permissions=PERMISSIONS, statuses=REVEALED_STATUSES)


@dataclass(frozen=True, slots=True)
class Handlers:
    """All handlers of the vault."""

    tokenize: TokenizeHandlers
    cards: CardHandlers
    changes: ChangeHandlers
    reveals: RevealHandlers
    credentials: CredentialHandlers
    reverts: RevertHandlers
    audits: AuditHandlers


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Return the vault's routes; a method without a row here is UNIMPLEMENTED."""
    return (
        *_vault(handlers),
        *_reveal(handlers.reveals),
        *_credential(handlers.credentials, handlers.reverts),
        *_audit(handlers.audits),
    )


def _vault(h: Handlers) -> tuple[Route, ...]:
    service = "VaultService"
    tokenize, cards, changes = h.tokenize, h.cards, h.changes
    return (
        _unary(service, "Tokenize", vault_pb, "tokenize", tokenize.tokenize),
        _unary(service, "BatchTokenize", vault_pb, "tokenize", tokenize.batch),
        _unary(service, "GetCard", vault_pb, "read", cards.get, read_only=True),
        _unary(service, "BatchGetCards", vault_pb, "read", cards.batch_get, read_only=True),
        _unary(service, "ListCards", vault_pb, "read", cards.list, read_only=True),
        _unary(service, "ListCardVersions", vault_pb, "read", cards.versions, read_only=True),
        _unary(service, "UpdateCard", vault_pb, "update", changes.update),
        _unary(service, "SetCardStatus", vault_pb, "status", changes.set_status),
        _unary(service, "ReportDecline", vault_pb, "update", changes.report_decline),
        _unary(service, "PutSecurityCode", vault_pb, "security_code", changes.put_security_code),
        _unary(service, "DeleteCard", vault_pb, "delete", changes.delete),
        _unary(service, "UndeleteCard", vault_pb, "undelete", changes.undelete),
    )


def _reveal(reveals: RevealHandlers) -> tuple[Route, ...]:
    service = "RevealService"
    return (
        _unary(service, "Detokenize", reveal_pb, "reveal", reveals.detokenize),
        _unary(service, "BatchDetokenize", reveal_pb, "reveal", reveals.batch),
        _unary(service, "FindByNumber", reveal_pb, "find_by_number", reveals.find),
    )


def _credential(credentials: CredentialHandlers, reverts: RevertHandlers) -> tuple[Route, ...]:
    service = "CredentialService"
    return (
        Route(
            f"/{PACKAGE}.{service}/StreamCredentials",
            credential_pb.StreamCredentialsRequest,
            credential_pb.StreamCredentialsResponse,
            Kind.SERVER_STREAM,
            "stream_credentials",
            credentials.stream,
            read_only=True,
        ),
        _unary(service, "ApplyUpdates", credential_pb, "apply_updates", credentials.apply),
        _unary(service, "RevertUpdates", credential_pb, "revert_updates", reverts.revert),
    )


def _audit(audits: AuditHandlers) -> tuple[Route, ...]:
    service = "AuditService"
    return (
        _unary(service, "ListAuditRecords", audit_pb, "audit", audits.list, read_only=True),
        _unary(service, "GetCheckpoint", audit_pb, "audit", audits.get_checkpoint, read_only=True),
        _unary(
            service, "ListCheckpoints", audit_pb, "audit", audits.list_checkpoints, read_only=True
        ),
    )


def _unary(
    service: str,
    method: str,
    messages: object,
    permission: str,
    handler: Handler,
    *,
    read_only: bool = False,
) -> Route:
    request: type[Message] = getattr(messages, f"{method}Request")
    response: type[Message] = getattr(messages, f"{method}Response")
    return Route(
        f"/{PACKAGE}.{service}/{method}",
        request,
        response,
        Kind.UNARY,
        permission,
        handler,
        read_only=read_only,
    )
