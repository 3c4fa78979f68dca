"""Find a tenant's data keys, and make the ones that are missing: one ACTIVE key a purpose.

A data key is 32 random bytes, known by 8 random bytes and wrapped by the KMS together with its
encryption context, so that a wrapped key opens for its tenant, purpose and id only.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

from chassis.spans import step
from vault.crypto.blob import KEY_ID_SIZE, RecordKey
from vault.crypto.keys import DataKey, KeyPurpose, KeyState, TenantKeys
from vault.crypto.mac import MacKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import (
    CommitInDoubt,
    Conflict,
    DataDamaged,
    KeyStore,
    Kms,
    StoreFull,
    StoreUnavailable,
)

SECRET_SIZE: Final = 32
MAX_ATTEMPTS: Final = 4
TENANT_PURPOSES: Final = (
    KeyPurpose.RECORD,
    KeyPurpose.FINGERPRINT,
    KeyPurpose.REQUEST,
    KeyPurpose.CURSOR,
    KeyPurpose.SECURITY_CODE,
)
"""What each tenant has a key for; CHECKPOINT is the service's own, see `checkpoint_key`."""


class Unwrapped(NamedTuple):
    """A data key with its secret. Exists while keys are loaded; its `repr` shows the id only."""

    row: DataKey
    secret: bytes

    def __repr__(self) -> str:
        return f"<Unwrapped {self.row.purpose} {self.row.key_id.hex()}>"


class KeyMaker:
    """Loads and makes data keys. Holds none of them."""

    def __init__(
        self,
        keys: KeyStore,
        kms: Kms,
        now_us: Callable[[], int],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._keys: Final = keys
        self._kms: Final = kms
        self._now_us: Final = now_us
        self._random: Final = random

    async def unwrapped(self, tenant: str, purposes: Sequence[KeyPurpose]) -> list[Unwrapped]:
        """Return all of a tenant's keys for `purposes`, unwrapped, active ones first.

        Makes and stores an ACTIVE key for each purpose that has none; whoever makes one first
        wins. Raises VaultError (KEY_SERVICE_UNAVAILABLE, STORE_UNAVAILABLE, STORAGE_FULL,
        DATA_CORRUPT), and StoreBroken as it comes.
        """
        return await self._opened(self._complete(tenant, purposes))

    async def stored(self, tenant: str, purposes: Sequence[KeyPurpose]) -> list[Unwrapped]:
        """Return the keys that there are for `purposes`, and make none. Raises as `unwrapped`."""
        return await self._opened(self._there(tenant, purposes))

    async def _opened(self, finding: Awaitable[list[DataKey]]) -> list[Unwrapped]:
        try:
            rows = await finding
        except StoreFull:
            raise VaultError(Reason.STORAGE_FULL) from None
        except StoreUnavailable:
            raise VaultError(Reason.STORE_UNAVAILABLE) from None
        except DataDamaged:
            raise VaultError(Reason.DATA_CORRUPT) from None
        return [Unwrapped(row, await self._unwrap(row)) for row in _active_first(rows)]

    async def _there(self, tenant: str, purposes: Sequence[KeyPurpose]) -> list[DataKey]:
        return [row for row in await self._keys.data_keys(tenant) if row.purpose in purposes]

    async def _complete(self, tenant: str, purposes: Sequence[KeyPurpose]) -> list[DataKey]:
        for _attempt in range(MAX_ATTEMPTS):
            rows = await self._there(tenant, purposes)
            active = {row.purpose for row in rows if row.state == KeyState.ACTIVE}
            missing = [purpose for purpose in purposes if purpose not in active]
            if not missing:
                return rows
            made = [await self._make(tenant, purpose) for purpose in missing]
            try:
                await self._keys.add_data_keys(made)
            except (Conflict, CommitInDoubt):
                continue  # another process was first, or nobody knows: look again
            return rows + made
        raise VaultError(Reason.STORE_UNAVAILABLE)

    async def _make(self, tenant: str, purpose: KeyPurpose) -> DataKey:
        bare = DataKey(
            self._random(KEY_ID_SIZE),
            tenant,
            purpose.value,
            KeyState.ACTIVE.value,
            self._now_us(),
            self._kms.kek,
            b"",
        )
        with step("kms.wrap", "client"):
            wrapped = await self._kms.wrap(self._random(SECRET_SIZE), bare.context())
        return bare._replace(wrapped=wrapped)

    async def _unwrap(self, row: DataKey) -> bytes:
        with step("kms.unwrap", "client"):
            secret = await self._kms.unwrap(row.wrapped, row.context())
        if len(secret) != SECRET_SIZE:
            raise VaultError(Reason.DATA_CORRUPT)
        return secret


def tenant_keys(tenant: str, unwrapped: Iterable[Unwrapped]) -> TenantKeys:
    """Arrange a tenant's unwrapped keys by purpose; expects active ones first in each."""
    secrets: dict[str, list[tuple[bytes, bytes]]] = {purpose: [] for purpose in TENANT_PURPOSES}
    for row, secret in unwrapped:
        secrets[row.purpose].append((row.key_id, secret))
    records = [RecordKey(*each) for each in secrets[KeyPurpose.RECORD]]
    return TenantKeys(
        tenant,
        record=records[0],
        records={key.key_id: key for key in records},
        fingerprints=tuple(MacKey(*each) for each in secrets[KeyPurpose.FINGERPRINT]),
        requests=tuple(MacKey(*each) for each in secrets[KeyPurpose.REQUEST]),
        cursor=MacKey(*secrets[KeyPurpose.CURSOR][0]),
        security_code=RecordKey(*secrets[KeyPurpose.SECURITY_CODE][0]),
    )


def _active_first(rows: Iterable[DataKey]) -> list[DataKey]:
    """Sort: active before retired, then the youngest first; the id makes it unambiguous."""
    return sorted(rows, key=lambda row: (row.state != KeyState.ACTIVE, -row.created, row.key_id))
