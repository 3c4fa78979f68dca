"""The key service: wraps and unwraps, holds to contexts; what else our login may do there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chassis.doctor.disk import file_findings
from chassis.doctor.finding import Finding, Rule, Severity
from vault.adapters.kms.address import (
    AwsAddress,
    KmsSettings,
    LocalAddress,
    TokenAddress,
    TransitAddress,
    parse_address,
)
from vault.adapters.kms.open import KmsInvalid, open_kms, probe
from vault.adapters.local_kms import LocalKeyInvalid
from vault.domain.reasons import VaultError

KEYS: Final = "4: what is stolen holds no card number"

UNUSABLE: Final = Rule(
    "KMS_UNUSABLE",
    Severity.BROKEN,
    "a key that wraps and unwraps, and refuses another context",
    KEYS + "; without it nothing is served",
    "see howto/kms.md: address, login, and the rights to encrypt and decrypt with this key",
)
LOCAL: Final = Rule(
    "KMS_LOCAL",
    Severity.BROKEN,
    "a key that never leaves a KMS",
    KEYS + ": the key lies in a file beside the database",
    "set CARDVAULT_KMS_KEY to aws-kms:, vault-transit: or pkcs11:",
    relaxed=True,
)
RIGHTS: Final = Rule(
    "KMS_RIGHTS",
    Severity.NOTE,
    "a login that may encrypt and decrypt with this key, and nothing else",
    KEYS + ": who may delete or export the key may destroy or take every card",
    "look at the key's policy",
)
RULES: Final = (UNUSABLE, LOCAL, RIGHTS)

_POLICIES: Final = {
    AwsAddress: "kms:Encrypt and kms:Decrypt, with a kms:EncryptionContext:service condition; "
    "not kms:ScheduleKeyDeletion, kms:DisableKey, kms:PutKeyPolicy, kms:CreateGrant",
    TransitAddress: "update on …/encrypt/<key> and …/decrypt/<key>; nothing on …/keys/<key>, "
    "which is not exportable and whose deletion is not allowed",
    TokenAddress: "CKA_SENSITIVE, not CKA_EXTRACTABLE; the user's PIN, never the SO's",
}


async def keys_subject(settings: KmsSettings) -> Sequence[Finding]:
    """Use the key once."""
    address = parse_address(settings.key)
    found = []
    try:
        async with open_kms(settings) as kms:
            await probe(kms)
    except (KmsInvalid, LocalKeyInvalid) as error:
        found.append(UNUSABLE.found(str(error)))
    except VaultError as error:
        found.append(UNUSABLE.found(error.reason.value))
    except OSError as error:
        found.append(UNUSABLE.found(error.strerror or type(error).__name__))
    if isinstance(address, LocalAddress):
        return [*found, LOCAL.found("a local key file"), *file_findings([address.path])]
    if isinstance(address, TransitAddress):
        found += file_findings([settings.token_file])
    if isinstance(address, TokenAddress):
        found += file_findings([address.pin_file])
    how = _POLICIES[type(address)]
    return [*found, RIGHTS.found("what else this login may do there was not tried", how=how)]
