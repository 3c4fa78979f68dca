"""How a number may lie in bytes: as text, UTF-16, BCD or base64. Each finder reads one buffer."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from vault.pan_scan.wanted import Wanted


class Encoding(StrEnum):
    """How a number was found."""

    ASCII = "ascii"
    UTF16LE = "utf-16le"
    UTF16BE = "utf-16be"
    BCD = "bcd"
    BASE64 = "base64"


class Found(NamedTuple):
    """A number in a buffer: bytes `start` to `end`, the encoding, its place in the list."""

    start: int
    end: int
    encoding: Encoding
    number: int | None
    last4: str


# Text: single spaces or hyphens between digits, as people and receipts write it.
_TEXT: Final = re.compile(rb"[0-9](?:[ -]?[0-9]){11,}")
_DIGITS: Final = re.compile(rb"[0-9]+")
# UTF-16 of either order is digits with zero bytes between; what stands around it tells which.
_WIDE: Final = re.compile(rb"[0-9](?:\x00[0-9]){11,}")
# Twelve digits across nibbles are half a byte, five whole ones and half a byte.
_PACKED: Final = re.compile(
    b"["
    + b"".join(re.escape(bytes([16 * high + low])) for high in range(10) for low in range(10))
    + b"]{5,}"
)
_TWELVE: Final = re.compile(rb"[0-9]{12,}")
# Base64 in one piece or in lines, as in mail and PEM; standard and URL-safe alphabet.
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]+)*")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def find_text(buffer: bytes, wanted: Wanted) -> Iterator[Found]:
    """Find numbers in ASCII (and so in UTF-8 and Latin-1)."""
    for match in _TEXT.finditer(buffer):
        begin = match.start()
        for start, end, number, last4 in _in_text(match[0], wanted):
            if wanted.ignores(buffer, begin + start, begin + end):
                continue
            yield Found(begin + start, begin + end, Encoding.ASCII, number, last4)


def _in_text(text: bytes, wanted: Wanted) -> Iterator[tuple[int, int, int | None, str]]:
    """Yield the numbers in digits with separators between, with their place in the text."""
    places: Sequence[int] = range(len(text))
    run, pieces = text, [(0, len(text))]
    if b" " in text or b"-" in text:
        parts = [match.span() for match in _DIGITS.finditer(text)]
        places = [place for start, end in parts for place in range(start, end)]
        run = bytes(text[place] for place in places)
        pieces = []
        at = 0
        for start, end in parts:
            pieces.append((at, at + end - start))
            at += end - start
    for start, length, number in wanted.find(run, pieces):
        last = start + length - 1
        yield places[start], places[last] + 1, number, run[last - 3 : last + 1].decode()


def find_utf16(buffer: bytes, wanted: Wanted) -> Iterator[Found]:
    """Find numbers in UTF-16; where either byte order fits, an even offset counts as its start."""
    for match in _WIDE.finditer(buffer):
        run = match[0][::2]
        for start, length, number in wanted.find(run, [(0, len(run))]):
            first = match.start() + 2 * start
            end = first + 2 * length - 1
            zero_before = first > 0 and buffer[first - 1] == 0
            zero_behind = buffer[end : end + 1] == b"\x00"
            big = zero_before and (not zero_behind or bool(first % 2))
            last4 = run[start + length - 4 : start + length].decode()
            if big:
                yield Found(first - 1, end, Encoding.UTF16BE, number, last4)
            else:
                yield Found(first, end + 1, Encoding.UTF16LE, number, last4)


def find_bcd(buffer: bytes, wanted: Wanted) -> Iterator[Found]:
    """Find numbers packed two digits a byte, beginning at either half."""
    for packed in _PACKED.finditer(buffer):
        begin = max(0, packed.start() - 1)
        nibbles = binascii.hexlify(buffer[begin : packed.end() + 1])
        for match in _TWELVE.finditer(nibbles):
            run = match[0]
            for start, length, number in wanted.find(run, [(0, len(run))]):
                first = match.start() + start
                last4 = run[start + length - 4 : start + length].decode()
                yield Found(
                    begin + first // 2,
                    begin + (first + length + 1) // 2,
                    Encoding.BCD,
                    number,
                    last4,
                )


def find_base64(buffer: bytes, wanted: Wanted) -> Iterator[Found]:
    """Find numbers in ASCII inside base64, wherever in a group of three bytes they begin."""
    for match in _BASE64.finditer(buffer):
        coded = match[0].translate(_STANDARD, b"\r\n")
        for phase in range(4):  # what stands before may be no base64: any character may be first
            body = coded[phase:]
            whole = base64.b64decode(body + b"A" * (-len(body) % 4))[: len(body) * 6 // 8]
            for text in _TEXT.finditer(whole):
                for start, end, number, last4 in _in_text(text[0], wanted):
                    if wanted.ignores(whole, text.start() + start, text.start() + end):
                        continue
                    first = phase + (text.start() + start) // 3 * 4
                    last = phase + ((text.start() + end - 1) // 3 + 1) * 4
                    yield Found(
                        match.start() + _place(match[0], first),
                        match.start() + _place(match[0], min(last, len(coded)) - 1) + 1,
                        Encoding.BASE64,
                        number,
                        last4,
                    )


def _place(lines: bytes, index: int) -> int:
    """Return where the `index`-th character that is no line end stands."""
    place = index
    while (seen := place + 1 - _line_ends(lines[: place + 1])) <= index:
        place += index + 1 - seen
    return place


def _line_ends(text: bytes) -> int:
    return text.count(b"\n") + text.count(b"\r")


FINDERS: Final[Mapping[str, Callable[[bytes, Wanted], Iterator[Found]]]] = MappingProxyType(
    {"text": find_text, "utf16": find_utf16, "bcd": find_bcd, "base64": find_base64}
)
"""All finders; `bcd` is for what may be looked for in dense data."""
