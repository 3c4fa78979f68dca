"""gRPC's length-prefixed messages (PROTOCOL-HTTP2, "Requests"), whole, bounded, decompressed.

A message is one byte of flags (1: compressed), its length as 4 bytes, big-endian, and its bytes.
"""

import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

from chassis.envoy.statuses import TransportStatus
from chassis.status import Code

PREFIX: Final = struct.Struct("!BI")
ENCODINGS: Final = {b"gzip": 31, b"deflate": 15}  # zlib's window bits: gzip's header, or zlib's
ACCEPTED: Final = b"identity,gzip,deflate"
MOST_WAITING_BYTES: Final = 64 << 20
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class CallerGone(Exception):
    """The caller has hung up: nobody reads what would be answered."""


def framed(message: bytes) -> bytes:
    """Return a message with its prefix; what we send is never compressed."""
    return PREFIX.pack(0, len(message)) + message


class Room:
    """Bounds what all calls' requests take together, in bytes, from their arrival to their end."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most


class Inbox:
    """Takes a call's messages out of its body, as they come.

    `limit` bounds each, in bytes, compressed and not. A message that is too long is refused by its
    prefix: its bytes are not waited for.
    """

    __slots__ = ("_buffer", "_encoding", "_ended", "_limit", "_receive", "_room", "_taken")

    def __init__(self, receive: Receive, encoding: bytes, limit: int, room: Room) -> None:
        self._receive: Final = receive
        self._encoding: Final = encoding
        self._limit: Final = limit
        self._room: Final = room
        self._taken = 0
        self._buffer: bytes | bytearray = b""
        self._ended = False

    async def only(self) -> bytes:
        """Return the one message of a call that has one."""
        while not self._ended:
            await self._more()
            size = self._size()  # too long: now, not when all of it is here
            if size is not None and len(self._buffer) > size:
                raise _not_one()
        size = self._size()
        if size is None or len(self._buffer) < size:
            raise _cut_short(self._buffer)
        return self._message(self._buffer)

    async def all(self) -> AsyncIterator[bytes]:
        """Yield every message, to the end of the body."""
        while True:
            size = self._size()
            if size is not None and len(self._buffer) >= size:
                taken, self._buffer = self._buffer[:size], self._buffer[size:]
                yield self._message(taken)
            elif self._ended:
                if self._buffer:
                    raise _cut_short(self._buffer)
                return
            else:
                await self._more()

    def close(self) -> None:
        """Give the room back: the call is over."""
        self._room.left += self._taken
        self._taken = 0

    async def _more(self) -> None:
        event = await self._receive()
        if event["type"] != "http.request":
            raise CallerGone
        body: bytes = event.get("body", b"")
        self._taken += len(body)
        self._room.left -= len(body)
        if self._room.left < 0:
            raise TransportStatus(Code.RESOURCE_EXHAUSTED, "too many bytes of requests at once")
        if not self._buffer:
            self._buffer = body
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)
            self._buffer += body
        self._ended = not event.get("more_body", False)

    def _size(self) -> int | None:
        """Return the bytes of the first message with its prefix, None while that isn't here."""
        if len(self._buffer) < PREFIX.size:
            return None
        _flags, length = PREFIX.unpack_from(self._buffer)
        if length > self._limit:
            raise _too_long()
        return PREFIX.size + int(length)

    def _message(self, frame: bytes | bytearray) -> bytes:
        flags = frame[0]
        if flags == 0:
            return bytes(frame[PREFIX.size :])
        if flags != 1:
            raise TransportStatus(Code.INVALID_ARGUMENT, "a message's flags are unknown")
        if self._encoding not in ENCODINGS:
            raise TransportStatus(Code.INVALID_ARGUMENT, "a message is compressed, by no encoding")
        return self._decompressed(frame[PREFIX.size :], ENCODINGS[self._encoding])

    def _decompressed(self, packed: bytes | bytearray, window: int) -> bytes:
        unpacker = zlib.decompressobj(wbits=window)
        try:
            message = unpacker.decompress(packed, self._limit + 1)
        except zlib.error:
            raise TransportStatus(Code.INVALID_ARGUMENT, "a message doesn't decompress") from None
        if len(message) > self._limit:
            raise _too_long()
        if not unpacker.eof or unpacker.unused_data:
            raise TransportStatus(Code.INVALID_ARGUMENT, "a message doesn't decompress")
        return message


def _too_long() -> TransportStatus:
    return TransportStatus(Code.RESOURCE_EXHAUSTED, "a message is longer than this server takes")


def _not_one() -> TransportStatus:
    return TransportStatus(Code.UNIMPLEMENTED, "this method takes one message")


def _cut_short(left: bytes | bytearray) -> TransportStatus:
    if not left:
        return _not_one()
    return TransportStatus(Code.INVALID_ARGUMENT, "a message is cut short")
