"""Streams that no file gives: short reads, and more bytes than anybody would keep."""

import io
from collections.abc import Iterator


class ShortReads(io.RawIOBase):
    """Gives at most so many bytes a read, whatever is asked for."""

    def __init__(self, data: bytes, most: int) -> None:
        self._rest = data
        self._most = most

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        size = self._most if size < 0 else min(size, self._most)
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


class Generated(io.RawIOBase):
    """A file made while it is read: a head, one piece over and over, a tail."""

    def __init__(self, head: bytes, piece: bytes, times: int, tail: bytes) -> None:
        self._parts = self._made(head, piece, times, tail)
        self._rest = b""

    @staticmethod
    def _made(head: bytes, piece: bytes, times: int, tail: bytes) -> Iterator[bytes]:
        yield head
        many = max(1, 65_536 // len(piece))
        block = piece * many
        for _ in range(times // many):
            yield block
        yield piece * (times % many)
        yield tail

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes: as many as asked for, fewer at the end only."""
        while size < 0 or len(self._rest) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._rest += part
        size = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:size], self._rest[size:]
        return given
