"""The sealed blob: format, algorithm, key id, salt, commitment, ciphertext.

    offset  length  what
    0       1       format, 1
    1       1       algorithm, 1 = HKDF-Expand-SHA-256 + AES-256-GCM
    2       8       id of the data key
    10      32      random salt
    42      32      key commitment
    74      n + 16  ciphertext and GCM tag

One HKDF-Expand (RFC 5869, section 2.3) of the data key over `LABEL || salt` gives, in this order,
the record's key (32 bytes), its nonce (12) and the commitment (32). So no nonce is ever used twice
under one key, and a blob opens under one data key only (GCM alone does not commit to its key).
The full description, with test vectors, is docs/reference/sealed-format.md.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from vault.crypto.lengths import framed, framed_text

FORMAT: Final = 1
ALGORITHM: Final = 1
KEY_ID_SIZE: Final = 8
SALT_SIZE: Final = 32
HEADER_SIZE: Final = 74
LABEL: Final = b"cardvault/record/v1"
_PREFIX: Final = bytes((FORMAT, ALGORITHM))
# RFC 5869: T(n) = HMAC(secret, T(n - 1) | info | n), here for n = 1 to 3.
_FIRST, _SECOND, _THIRD = b"\x01", b"\x02", b"\x03"


class CannotOpen(Exception):
    """A blob failed its check: wrong key, wrong place, or edited. Which one is not told."""


class Place(NamedTuple):
    """Where a blob belongs; every field is authenticated, so it opens nowhere else."""

    what: str  # contents | security_code | parked answer
    tenant: str
    token: str
    customer: str
    kind: str
    revision: int  # the revision of the card that sealed it

    def aad(self, key_id: bytes) -> bytes:
        """Return the additional authenticated data: all parts framed, in this order."""
        what, tenant, token, customer, kind, revision = self
        return b"".join(
            (
                _begun(what, tenant),
                framed_text(token),
                framed_text(customer),
                _ended(kind, revision, key_id),
            )
        )


# What is the same for most records of a tenant.
@lru_cache(maxsize=1_024)
def _begun(what: str, tenant: str) -> bytes:
    return framed((_PREFIX, what.encode(), tenant.encode()))


@lru_cache(maxsize=1_024, typed=True)  # a damaged row's 1.0 is no 1
def _ended(kind: str, revision: int, key_id: bytes) -> bytes:
    return framed((kind.encode(), str(revision).encode(), key_id))


class RecordKey:
    """One data key that seals records. Holds key material: never printed, never pickled."""

    __slots__ = ("_keyed", "key_id")

    def __init__(self, key_id: bytes, secret: bytes) -> None:
        if len(key_id) != KEY_ID_SIZE or len(secret) != 32:
            raise ValueError("a record key has an id of 8 and a secret of 32 bytes")
        self.key_id: Final = key_id
        self._keyed: Final = HMAC(secret, SHA256())

    def __repr__(self) -> str:
        return f"<RecordKey {self.key_id.hex()}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("keys are not serialised")

    def _derive(self, salt: bytes) -> tuple[AESGCM, bytes, bytes]:
        """Return a record's cipher, nonce and commitment.

        HKDF-Expand by hand: copying the keyed HMAC saves a third of what the library's object
        takes, which keys a new one for each record.
        """
        info, copy = LABEL + salt, self._keyed.copy
        block = copy()
        block.update(info + _FIRST)
        first = block.finalize()  # 32 bytes: the record's key
        block = copy()
        block.update(first + info + _SECOND)
        second = block.finalize()
        block = copy()
        block.update(second + info + _THIRD)
        rest = second + block.finalize()
        return AESGCM(first), rest[:12], rest[12:44]

    def seal(
        self, plaintext: bytes, place: Place, random: Callable[[int], bytes] = os.urandom
    ) -> bytes:
        """Encrypt `plaintext` for `place`. The result is 90 bytes longer."""
        salt = random(SALT_SIZE)
        aead, nonce, commitment = self._derive(salt)
        sealed = aead.encrypt(nonce, plaintext, place.aad(self.key_id))
        return _PREFIX + self.key_id + salt + commitment + sealed

    def open(self, blob: bytes, place: Place) -> bytes:
        """Decrypt a blob sealed under this key for this place. Raises CannotOpen."""
        if len(blob) < HEADER_SIZE + 16 or blob[:2] != _PREFIX or blob[2:10] != self.key_id:
            raise CannotOpen
        aead, nonce, commitment = self._derive(blob[10:42])
        if not hmac.compare_digest(commitment, blob[42:HEADER_SIZE]):
            raise CannotOpen
        try:
            return aead.decrypt(nonce, blob[HEADER_SIZE:], place.aad(self.key_id))
        except InvalidTag:
            raise CannotOpen from None


def key_id_of(blob: bytes) -> bytes:
    """Read the data key's id from a blob's header. Raises CannotOpen on foreign bytes."""
    if len(blob) < HEADER_SIZE + 16 or blob[:2] != _PREFIX:
        raise CannotOpen
    return blob[2:10]
