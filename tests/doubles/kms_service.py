"""A key service in memory, as forgetful and as wrong as tests want it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from vault.adapters.kms.service import Damaged, ServiceError


class MemoryKeyService:
    """Remembers what it encrypted. `fails` is raised, one at a call, before anything else."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[bytes, dict[str, str]]] = {}
        self.fails: list[ServiceError] = []
        self.fails_to_decrypt: ServiceError | None = None
        self.forgets_contexts = False
        self.says_its_argument = False
        self.calls = 0
        self.closed = False

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        self._called()
        if self.says_its_argument:
            return plaintext
        sealed = os.urandom(40)
        self.known[sealed] = (plaintext, dict(context))
        return sealed

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        self._called()
        if self.fails_to_decrypt is not None:
            raise self.fails_to_decrypt
        plaintext, bound = self.known.get(ciphertext, (b"", {}))
        if not plaintext or (bound != dict(context) and not self.forgets_contexts):
            raise Damaged("unknown")
        return plaintext

    def close(self) -> None:
        self.closed = True

    def _called(self) -> None:
        self.calls += 1
        if self.fails:
            raise self.fails.pop(0)
