"""What a key service does for us, and the three ways in which it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Protocol

from vault.crypto.lengths import framed

_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ServiceError(Exception):
    """A call failed. Its text is a short code, safe to log, never the service's own words."""

    def __init__(self, code: str) -> None:
        super().__init__(code if _CODE.fullmatch(code) else "other")

    @property
    def code(self) -> str:
        """Return the code."""
        return str(self.args[0])


class Unreachable(ServiceError):
    """Down, slow or throttled: another try may work."""


class Refused(ServiceError):
    """The service said no, or something that isn't an answer; trying again changes nothing."""


class Damaged(ServiceError):
    """The service says that this isn't what it wrapped, or not in this context."""


class KeyService(Protocol):
    """Blocking calls to wherever the wrapping key lives, made in a worker thread.

    All raise Unreachable, Refused or Damaged, and try once: retries are `Calls`' business.
    """

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt under the wrapping key, bound to a context."""

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt, given the same context again."""

    def close(self) -> None:
        """Let go of connections and sessions."""


def context_bytes(context: Mapping[str, str]) -> bytes:
    """Return a context as bytes to authenticate: names and values, sorted by name, framed."""
    parts: list[bytes] = []
    for name in sorted(context):
        parts += [name.encode(), context[name].encode()]
    return framed(parts)
