"""A wrapping key in a file: for development only, where no KMS is at hand.

The key file is JSON, readable by its owner alone. A wrapped key is

    offset  length  what
    0       1       format, 1
    1       1       algorithm, 1 = AES-256-GCM
    2       8       id of the wrapping key
    10      12      random nonce
    22      32 + 16 ciphertext and GCM tag

authenticated with format, algorithm, key id and the encryption context (docs/reference/
sealed-format.md, "Wrapped data keys").
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.files import write_private
from vault.crypto.lengths import framed
from vault.domain.reasons import Reason, VaultError

FILE_FORMAT: Final = "cardvault-local-key/1"
_PREFIX: Final = b"\x01\x01"
_ID_SIZE: Final = 8
_NONCE_SIZE: Final = 12
_HEADER_SIZE: Final = len(_PREFIX) + _ID_SIZE + _NONCE_SIZE


class LocalKeyInvalid(Exception):
    """The key file can't be used. The text names the rule, never the file's content."""


def make_local_key(path: Path, random: Callable[[int], bytes] = os.urandom) -> None:
    """Write a new wrapping key, mode 0600. Raises FileExistsError rather than replace one."""
    if path.exists():
        raise FileExistsError("there is a local key already: replacing it would lose every card")
    content = {
        "format": FILE_FORMAT,
        "id": random(_ID_SIZE).hex(),
        "key": base64.b64encode(random(32)).decode(),
    }
    write_private(path, json.dumps(content).encode() + b"\n")


class LocalKms:
    """`Kms` over a key file. Holds key material: never printed, never pickled."""

    development_only: Final = True

    def __init__(
        self, key_id: bytes, secret: bytes, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        if len(key_id) != _ID_SIZE or len(secret) != 32:
            raise ValueError("a wrapping key has an id of 8 and a secret of 32 bytes")
        self._id: Final = key_id
        self._aead: Final = AESGCM(secret)
        self._random: Final = random

    @classmethod
    def open(cls, path: Path) -> LocalKms:
        """Read a key file. Raises LocalKeyInvalid: missing, too widely readable, or not one."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if stat.S_IMODE(mode) & 0o077:
                    raise LocalKeyInvalid("the key file may be readable by its owner only (0600)")
                fields = json.loads(file.read(4096))
            if not isinstance(fields, dict) or fields.get("format") != FILE_FORMAT:
                raise LocalKeyInvalid("not a local key file of a known format")
            secret = base64.b64decode(fields["key"], validate=True)
            return cls(bytes.fromhex(fields["id"]), secret)
        except OSError:
            raise LocalKeyInvalid("the key file can't be read") from None
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise LocalKeyInvalid("the key file is damaged") from None

    def __repr__(self) -> str:
        return f"<LocalKms {self._id.hex()}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("keys are not serialised")

    @property
    def kek(self) -> str:
        """Name the wrapping key; data keys carry the name."""
        return f"local:{self._id.hex()}"

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap a data key, bound to its context."""
        nonce = self._random(_NONCE_SIZE)
        sealed = self._aead.encrypt(nonce, secret, self._aad(context))
        return _PREFIX + self._id + nonce + sealed

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap a data key.

        Raises VaultError: KEY_SERVICE_UNAVAILABLE where another key wrapped it, DATA_CORRUPT where
        it was edited or belongs to another context.
        """
        if wrapped[:2] != _PREFIX or len(wrapped) < _HEADER_SIZE + 16:
            raise VaultError(Reason.DATA_CORRUPT)
        if wrapped[2:10] != self._id:
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
        nonce, sealed = wrapped[10:_HEADER_SIZE], wrapped[_HEADER_SIZE:]
        try:
            return self._aead.decrypt(nonce, sealed, self._aad(context))
        except InvalidTag:
            raise VaultError(Reason.DATA_CORRUPT) from None

    def _aad(self, context: Mapping[str, str]) -> bytes:
        """Return what is authenticated: header, then names and values, sorted by name."""
        parts = [_PREFIX, self._id]
        for name in sorted(context):
            parts += [name.encode(), context[name].encode()]
        return framed(parts)
