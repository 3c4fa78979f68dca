"""The empty RPC: same process, port and TLS, no guard, a constant reply of the size asked for."""

from __future__ import annotations

from typing import Any, Final

import grpc

_PREFIX: Final = "/cardvault.bench.v1.Empty/Reply"
_MOST_BYTES: Final = 4 << 20


def empty_path(size: int) -> str:
    """Return the path of the empty method whose reply has `size` bytes."""
    return f"{_PREFIX}{size}"


class EmptyMethods(grpc.GenericRpcHandler):
    """Answers `Reply<N>` with N constant bytes. What any Python RPC costs, and nothing else."""

    def __init__(self) -> None:
        self._handlers: dict[str, Any] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a size, made once; None for a path that isn't the bench's."""
        path: str = handler_call_details.method
        found = self._handlers.get(path)
        if found is None and path.startswith(_PREFIX):
            size = path.removeprefix(_PREFIX)
            if size.isascii() and size.isdigit() and int(size) <= _MOST_BYTES:
                found = self._handlers[path] = _replying(bytes(int(size)))
        return found


def _replying(reply: bytes) -> Any:
    async def empty(_request: bytes, _context: object) -> bytes:
        return reply

    return grpc.unary_unary_rpc_method_handler(empty)
