"""Ways to hide a number in bytes, one for each encoding and alignment the scanner knows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final

Hide = Callable[[str], bytes]


def _bcd(digits: str, *, odd: bool) -> bytes:
    nibbles = ("f" if odd else "") + digits
    return binascii.unhexlify(nibbles + "f" * (len(nibbles) % 2))


def _base64(digits: str, before: bytes, *, urlsafe: bool = False, lines: bool = False) -> bytes:
    # The bytes around are such that both alphabets' special characters come up.
    plain = b"\xfb\xef\xbe" * 20 + before + digits.encode() + b"\xff\xfe\xfb"
    if lines:
        return base64.encodebytes(plain)
    return base64.urlsafe_b64encode(plain) if urlsafe else base64.b64encode(plain)


HIDDEN: Final[Mapping[str, tuple[str, Hide]]] = {
    "ascii": ("ascii", str.encode),
    "ascii-spaced": ("ascii", lambda d: " ".join((d[:4], d[4:8], d[8:12], d[12:])).encode()),
    "ascii-hyphens": ("ascii", lambda d: "-".join((d[:4], d[4:10], d[10:])).encode()),
    "utf-16le": ("utf-16le", lambda d: d.encode("utf-16le")),
    "utf-16be": ("utf-16be", lambda d: d.encode("utf-16be")),
    "bcd": ("bcd", lambda d: _bcd(d, odd=False)),
    "bcd-odd": ("bcd", lambda d: _bcd(d, odd=True)),
    "base64-0": ("base64", lambda d: _base64(d, b"")),
    "base64-1": ("base64", lambda d: _base64(d, b"\xff")),
    "base64-2": ("base64", lambda d: _base64(d, b"\xff\xff")),
    "base64-urlsafe-0": ("base64", lambda d: _base64(d, b"", urlsafe=True)),
    "base64-urlsafe-1": ("base64", lambda d: _base64(d, b"\xff", urlsafe=True)),
    "base64-urlsafe-2": ("base64", lambda d: _base64(d, b"\xff\xff", urlsafe=True)),
    "base64-lines": ("base64", lambda d: _base64(d, b"\xff" * 7, lines=True)),
}
"""By name: the encoding's name and how to hide digits in it."""
