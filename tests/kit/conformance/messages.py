"""The suite's messages, made from its own description of them (tools/kit/conformance.sh).

Nothing generated is kept: the classes are made when a server starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "connectrpc.conformance.v1"
SERVICE: Final = f"{_PACKAGE}.ConformanceService"
_MOST_BYTES: Final = 1 << 20


class Messages:
    """Gives a message's class by its name in the suite's package."""

    def __init__(self, described: Path) -> None:
        files = descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes())
        pool = descriptor_pool.Default()  # where Any is
        for file in files.file:  # in the order of their imports
            pool.Add(file)
        self._pool: Final = pool

    def __getitem__(self, name: str) -> Any:
        return message_factory.GetMessageClass(
            self._pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )


def packed(message: Any) -> any_pb2.Any:
    """Return a message as an Any."""
    whole = any_pb2.Any()
    whole.Pack(message)
    return whole


def read_sized(kind: Any, stream: IO[bytes]) -> Any:
    """Read a message with its size before it, four bytes, big-endian."""
    size = int.from_bytes(_exactly(stream, 4), "big")
    if size > _MOST_BYTES:
        raise ValueError("the suite's message is too long")
    return kind.FromString(_exactly(stream, size))


def write_sized(message: Any, stream: IO[bytes]) -> None:
    """Write a message with its size before it."""
    body = message.SerializeToString()
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def _exactly(stream: IO[bytes], size: int) -> bytes:
    found = stream.read(size)
    if len(found) != size:
        raise EOFError("the suite hung up")
    return found
