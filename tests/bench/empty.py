"""The empty RPC: same process, port and TLS, no guard, a constant reply of the size asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

_PREFIX: Final = "/cardvault.bench.v1.Empty/Reply"
_MOST_BYTES: Final = 4 << 20


def empty_path(size: int) -> str:
    """Return the path of the empty method whose reply has `size` bytes."""
    return f"{_PREFIX}{size}"


def empty_method(path: str) -> Callable[[bytes], Awaitable[bytes]] | None:
    """Answer `Reply<N>` with N constant bytes; None for a path that isn't the bench's."""
    size = path.removeprefix(_PREFIX)
    if size == path or not (size.isascii() and size.isdigit()) or int(size) > _MOST_BYTES:
        return None
    reply = bytes(int(size))

    async def empty(_request: bytes) -> bytes:
        return reply

    return empty
