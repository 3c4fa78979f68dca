"""What a tenant's unwrapped data keys look like to the rest of the vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from vault.crypto.blob import RecordKey
from vault.crypto.mac import MacKey


class KeyPurpose(StrEnum):
    """What a data key may be used for; never shared between purposes."""

    RECORD = "record"
    FINGERPRINT = "fingerprint"
    REQUEST = "request"
    CURSOR = "cursor"
    SECURITY_CODE = "security_code"
    CHECKPOINT = "checkpoint"
    CODE_NAME = "code_name"
    VIEW_NAME = "view_name"


class KeyState(StrEnum):
    """ACTIVE keys seal, RETIRED ones only open."""

    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class DataKey(NamedTuple):
    """A wrapped data key as it is stored. `created` is in microseconds since the epoch."""

    key_id: bytes
    tenant: str
    purpose: str
    state: str
    created: int
    kek: str
    wrapped: bytes

    def context(self) -> dict[str, str]:
        """Return the encryption context that binds the wrapped key to its use."""
        return {
            "service": "cardvault",
            "tenant": self.tenant,
            "purpose": self.purpose,
            "key_id": self.key_id.hex(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class TenantKeys:
    """A tenant's unwrapped keys; the first of each tuple is the active one."""

    tenant: str
    record: RecordKey
    records: Mapping[bytes, RecordKey]
    fingerprints: tuple[MacKey, ...]
    requests: tuple[MacKey, ...]
    cursor: MacKey
    security_code: RecordKey

    def __repr__(self) -> str:
        return f"<TenantKeys {self.tenant}>"
