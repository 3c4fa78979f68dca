"""Every way the vault says no: one reason each, mapped to a gRPC status in `rpc/errors.py`."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Names equal the proto enum `ErrorReason` without its prefix; a test holds them together."""

    INVALID_FIELD = "INVALID_FIELD"
    CARD_NUMBER_INVALID = "CARD_NUMBER_INVALID"
    CARD_NUMBER_IN_OTHER_FIELD = "CARD_NUMBER_IN_OTHER_FIELD"
    EXPIRY_INVALID = "EXPIRY_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105
    BATCH_TOO_LARGE = "BATCH_TOO_LARGE"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    PURPOSE_FORBIDDEN = "PURPOSE_FORBIDDEN"
    CARD_NOT_FOUND = "CARD_NOT_FOUND"
    CREDENTIAL_VERSION_NOT_FOUND = "CREDENTIAL_VERSION_NOT_FOUND"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    REVISION_CONFLICT = "REVISION_CONFLICT"
    STATUS_FORBIDS = "STATUS_FORBIDS"
    SECURITY_CODE_GONE = "SECURITY_CODE_GONE"
    SECURITY_CODE_UNAVAILABLE = "SECURITY_CODE_UNAVAILABLE"
    VAULT_SEALED = "VAULT_SEALED"
    OVERLOADED = "OVERLOADED"
    STORAGE_FULL = "STORAGE_FULL"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    OUTCOME_IN_DOUBT = "OUTCOME_IN_DOUBT"
    KEY_SERVICE_UNAVAILABLE = "KEY_SERVICE_UNAVAILABLE"
    DATA_CORRUPT = "DATA_CORRUPT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"


class VaultError(Exception):
    """An expected refusal. Its text is the reason's name: safe to log and to send."""

    def __init__(self, reason: Reason, field: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.field = field
