"""Length-prefixed joining: the one way in which fields become bytes that are authenticated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LENGTH_SIZE: Final = 4


def framed(parts: Iterable[bytes]) -> bytes:
    """Join `parts`, each behind its length in four bytes, big-endian: no two lists collide."""
    return b"".join([len(part).to_bytes(LENGTH_SIZE) + part for part in parts])


def framed_text(text: str) -> bytes:
    """Return one part, from its text: `framed` of a list is its parts' framed texts joined."""
    part = text.encode()
    return len(part).to_bytes(LENGTH_SIZE) + part
