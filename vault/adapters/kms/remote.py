"""`Kms` over a key service: what a wrapped key says of itself, and what is checked on its return.

A wrapped key is

    offset  length  what
    0       1       format, 1
    1       1       who wrapped it: 2 AWS KMS, 3 transit, 4 PKCS#11 (1 is the local key file)
    2       8       id of the wrapping key: SHA-256 of its name, cut
    10      n       what the service made of the data key and its check value

The check value is 16 bytes of SHA-256 over header, data key and context, inside the encryption. It
holds even where a service takes a context and forgets it, decrypts with whatever key it is given,
or doesn't notice an edit (docs/reference/sealed-format.md, "Wrapped data keys").
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import partial
from typing import Final

from vault.adapters.kms.calls import CallCounts, Calls
from vault.adapters.kms.service import KeyService, context_bytes
from vault.crypto.lengths import framed
from vault.domain.reasons import Reason, VaultError

AWS: Final = 2
TRANSIT: Final = 3
PKCS11: Final = 4

_FORMAT: Final = 1
_HEADER_SIZE: Final = 10
_CHECK_SIZE: Final = 16
_MOST: Final = 8_192  # of a wrapped key; services make a few hundred bytes of it


class RemoteKms:
    """`Kms` whose key lives elsewhere. Holds no key; `close` ends its threads and sessions."""

    def __init__(self, kek: str, kind: int, service: KeyService, calls: Calls) -> None:
        self._kek: Final = kek
        self._header: Final = bytes([_FORMAT, kind]) + hashlib.sha256(kek.encode()).digest()[:8]
        self._service: Final = service
        self._calls: Final = calls

    def __repr__(self) -> str:
        return f"<RemoteKms {self._kek}>"

    @property
    def kek(self) -> str:
        """Name the wrapping key; data keys carry the name."""
        return self._kek

    @property
    def counts(self) -> CallCounts:
        """Return what metrics read."""
        return self._calls.counts

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap a data key, bound to its context. Raises VaultError(KEY_SERVICE_UNAVAILABLE)."""
        plaintext = secret + self._check(secret, context)
        sealed = await self._calls.call(partial(self._service.encrypt, plaintext, dict(context)))
        if plaintext in sealed or len(sealed) > _MOST - _HEADER_SIZE:
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
        return self._header + sealed

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap a data key.

        Raises VaultError: KEY_SERVICE_UNAVAILABLE where the service can't be reached or says no,
        and, without a call, where another key wrapped it; DATA_CORRUPT where it was edited or
        belongs to another context.
        """
        if not _HEADER_SIZE < len(wrapped) <= _MOST or wrapped[0] != _FORMAT:
            raise VaultError(Reason.DATA_CORRUPT)
        if wrapped[:_HEADER_SIZE] != self._header:
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
        sealed = wrapped[_HEADER_SIZE:]
        plaintext = await self._calls.call(partial(self._service.decrypt, sealed, dict(context)))
        secret, check = plaintext[:-_CHECK_SIZE], plaintext[-_CHECK_SIZE:]
        if not hmac.compare_digest(check, self._check(secret, context)):
            raise VaultError(Reason.DATA_CORRUPT)
        return secret

    async def service_binds_contexts(self) -> bool:
        """Tell whether the service itself refuses another context, without our check's help.

        Raises VaultError where it can't be asked.
        """
        context = {"service": "cardvault", "purpose": "probe"}
        other = {**context, "purpose": "another"}
        sealed = await self._calls.call(partial(self._service.encrypt, bytes(48), context))
        try:
            await self._calls.call(partial(self._service.decrypt, sealed, other))
        except VaultError as error:
            if error.reason is not Reason.DATA_CORRUPT:
                raise
            return True
        return False

    def close(self) -> None:
        """End sessions and threads; not to be used again. Blocks, for a few seconds at most."""
        self._calls.close(self._service.close)

    def _check(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        parts = [b"cardvault/wrapped/v1", self._header, secret, context_bytes(context)]
        return hashlib.sha256(framed(parts)).digest()[:_CHECK_SIZE]
