"""Keyed MACs: card fingerprints for lookup, request bodies, page tokens. One key a purpose.

HMAC-SHA-256 (PCI DSS v4.0.1, 3.5.1.1: hashes of card numbers are keyed, over the whole number).
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from cards.pan import Pan
from vault.crypto.lengths import framed


class MacKey:
    """One MAC key. Copying a keyed HMAC costs a third of making one."""

    __slots__ = ("_keyed", "key_id")

    def __init__(self, key_id: bytes, secret: bytes) -> None:
        if len(secret) != 32:
            raise ValueError("a MAC key has 32 bytes")
        self.key_id: Final = key_id
        self._keyed: Final = HMAC(secret, SHA256())

    def __repr__(self) -> str:
        return f"<MacKey {self.key_id.hex()}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("keys are not serialised")

    def mac(self, message: bytes) -> bytes:
        """Return the 32-byte MAC of `message`."""
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.finalize()

    def verify(self, message: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.mac(message), mac)

    def fingerprint(self, kind: str, pan: Pan) -> bytes:
        """Return the lookup MAC of a number: equal numbers of one kind and tenant agree."""
        return self.mac(framed((kind.encode(), pan.reveal().encode())))
