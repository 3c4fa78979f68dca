"""Bytes into lines with their offsets: the checks that need no knowledge of the records.

A stream is read in pieces and never held whole. Lines end in LF or in CRLF, all alike; the last
one may go without.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Final

from updater.files.refusal import FileFault, FileRefused

MAX_LINE: Final = 1024
_PIECE: Final = 65_536
_BOM: Final = b"\xef\xbb\xbf"
_OUTSIDE: Final = re.compile(rb"[^\x20-\x7e\r\n]")
_LINE_END: Final = re.compile(rb"[\r\n]")


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """One line without its terminator. `offset` is where it starts in the file, `after` the next.

    `terminated` is False for a file's last line without a line end, and for a last block that is
    too short: what a file cut off in the middle ends with.
    """

    text: str
    offset: int
    after: int
    terminated: bool = True


def read_lines(stream: BinaryIO, *, max_bytes: int) -> Iterator[Line]:
    """Yield the lines of an ASCII file; refuse any byte that such a file can't hold."""
    return _lines(_pieces(stream, max_bytes))


def read_blocks(stream: BinaryIO, *, size: int, max_bytes: int) -> Iterator[Line]:
    """Yield the records of a file of records all `size` long, with line ends or without any.

    It is read as lines if there is a line end within its first two records, else as blocks, of
    which only the last may be followed by a line end. A line's length is for the caller to check.
    """
    pieces = _pieces(stream, max_bytes)
    first = next(pieces)  # an empty file is refused there
    rest = chain([first], pieces)
    return _lines(rest) if b"\n" in first[: 2 * (size + 2)] else _blocks(rest, size)


def _lines(pieces: Iterator[bytes]) -> Iterator[Line]:
    start, crlf, rest = 0, None, b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for raw in whole:
            ends_in_cr = raw.endswith(b"\r")
            if crlf is None:
                crlf = ends_in_cr
            elif crlf != ends_in_cr:
                raise FileRefused(FileFault.LINE_ENDING, start + len(raw))
            after = start + len(raw) + 1
            yield _line(raw[:-1] if ends_in_cr else raw, start, after)
            start = after
        if len(rest) > MAX_LINE + 1:  # one more than a line: its CR
            raise FileRefused(FileFault.LINE_TOO_LONG, start)
    if rest:
        yield _line(rest, start, start + len(rest), terminated=False)


def _line(raw: bytes, start: int, after: int, *, terminated: bool = True) -> Line:
    if (stray := raw.find(b"\r")) >= 0:
        raise FileRefused(FileFault.LINE_ENDING, start + stray)
    if not raw:
        raise FileRefused(FileFault.BLANK_LINE, start)
    if len(raw) > MAX_LINE:
        raise FileRefused(FileFault.LINE_TOO_LONG, start)
    return Line(raw.decode("ascii"), start, after, terminated)


def _blocks(pieces: Iterator[bytes], size: int) -> Iterator[Line]:
    start, rest = 0, b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % size
        if (stray := _LINE_END.search(data, 0, whole)) is not None:
            raise FileRefused(FileFault.LINE_ENDING, start + stray.start())
        text = data[:whole].decode("ascii")
        for at in range(0, whole, size):
            yield Line(text[at : at + size], start + at, start + at + size)
        start, rest = start + whole, data[whole:]
    if rest not in {b"", b"\n", b"\r\n"}:
        if (stray := _LINE_END.search(rest)) is not None:
            raise FileRefused(FileFault.LINE_ENDING, start + stray.start())
        yield Line(rest.decode("ascii"), start, start + len(rest), terminated=False)


def _pieces(stream: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    offset = 0
    while piece := _piece(stream):
        if offset + len(piece) > max_bytes:
            raise FileRefused(FileFault.TOO_LARGE, max_bytes)
        if not offset and piece.startswith(_BOM):
            raise FileRefused(FileFault.BYTE_ORDER_MARK, 0)
        if (odd := _OUTSIDE.search(piece)) is not None:
            ascii_range = piece[odd.start()] < 0x80
            reason = FileFault.CONTROL_BYTE if ascii_range else FileFault.NOT_ASCII
            raise FileRefused(reason, offset + odd.start())
        yield piece
        offset += len(piece)
    if not offset:
        raise FileRefused(FileFault.EMPTY, 0)


def _piece(stream: BinaryIO) -> bytes:
    """Read a whole piece: a stream may give less than asked for, and refusals must not vary."""
    piece = stream.read(_PIECE)
    while piece and len(piece) < _PIECE and (more := stream.read(_PIECE - len(piece))):
        piece += more
    return piece
