"""A key store and a KMS in memory, with the faults that tests ask for."""

import asyncio
from collections.abc import Mapping, Sequence

from vault.crypto.keys import DataKey, KeyState
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import Conflict, StoreError


class FakeKeyStore:
    """Keeps wrapped keys; `rival`, if set, is added by another process at the next add."""

    def __init__(self) -> None:
        self.rows: list[DataKey] = []
        self.rival: list[DataKey] = []
        self.fault: StoreError | None = None
        self.adds = 0

    async def data_keys(self, tenant: str) -> list[DataKey]:
        if self.fault is not None:
            raise self.fault
        return [row for row in self.rows if row.tenant == tenant]

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        self.adds += 1
        self.rows += self.rival
        self.rival = []
        taken = {(row.tenant, row.purpose) for row in self.rows if row.state == KeyState.ACTIVE}
        if any((row.tenant, row.purpose) in taken for row in keys if row.state == KeyState.ACTIVE):
            raise Conflict
        self.rows += keys


class FakeKms:
    """Remembers what it wrapped; an outage, a pause and a count of calls on request."""

    kek = "fake:1"

    def __init__(self) -> None:
        self._wrapped: dict[bytes, tuple[bytes, dict[str, str]]] = {}
        self.down = False
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        await self._called()
        wrapped = f"wrapped-{len(self._wrapped)}".encode()
        self._wrapped[wrapped] = (secret, dict(context))
        return wrapped

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        await self._called()
        secret, bound = self._wrapped[wrapped]
        if bound != dict(context):
            raise VaultError(Reason.DATA_CORRUPT)
        return secret

    async def _called(self) -> None:
        self.calls += 1
        await self.open.wait()
        if self.down:
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
