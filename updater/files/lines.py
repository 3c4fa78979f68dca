"""Bytes into lines with their offsets: the checks that need no knowledge of the records."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from updater.files.refusal import FileFault, FileRefused

MAX_LINE: Final = 1024
_BOM: Final = b"\xef\xbb\xbf"
_OUTSIDE: Final = re.compile(rb"[^\x20-\x7e\r\n]")


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """One line without its terminator. `offset` is where it starts in the file."""

    text: str
    offset: int


def lines(data: bytes, *, max_bytes: int) -> Iterator[Line]:
    """Yield the lines of an ASCII file; refuse any byte that such a file can't hold.

    Lines end in LF or in CRLF, all alike; the last one may go without.
    """
    _check_bytes(data, max_bytes)
    start, crlf = 0, None
    while start < len(data):
        end = data.find(b"\n", start)
        raw, after = (data[start:], len(data)) if end < 0 else (data[start:end], end + 1)
        if end >= 0:
            ends_in_cr = raw.endswith(b"\r")
            if crlf is not None and crlf != ends_in_cr:
                raise FileRefused(FileFault.LINE_ENDING, end)
            crlf = ends_in_cr
            raw = raw[:-1] if ends_in_cr else raw
        if (stray := raw.find(b"\r")) >= 0:
            raise FileRefused(FileFault.LINE_ENDING, start + stray)
        if not raw:
            raise FileRefused(FileFault.BLANK_LINE, start)
        if len(raw) > MAX_LINE:
            raise FileRefused(FileFault.LINE_TOO_LONG, start)
        yield Line(raw.decode("ascii"), start)
        start = after


def _check_bytes(data: bytes, max_bytes: int) -> None:
    if not data:
        raise FileRefused(FileFault.EMPTY, 0)
    if len(data) > max_bytes:
        raise FileRefused(FileFault.TOO_LARGE, max_bytes)
    if data.startswith(_BOM):
        raise FileRefused(FileFault.BYTE_ORDER_MARK, 0)
    if (odd := _OUTSIDE.search(data)) is not None:
        ascii_range = data[odd.start()] < 0x80
        reason = FileFault.CONTROL_BYTE if ascii_range else FileFault.NOT_ASCII
        raise FileRefused(reason, odd.start())
