"""Keyed MACs (`Marks`), under one key file that never leaves this service."""

import hmac
import secrets
import stat
from pathlib import Path
from typing import Final

from chassis.files import write_private
from updater.domain.errors import ExchangeKeysUnusable

MARKS_KEY: Final = "marks.key"
_KEY_BYTES: Final = 32
_SHORT: Final = 32  # hex digits of a 128-bit MAC: nothing here is forged offline


class HmacMarks:
    """HMAC-SHA-256, each use in a domain of its own, values with their lengths before them."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ExchangeKeysUnusable("the MAC key has 32 bytes")
        self._key: Final = key

    def number(self, bound_to: str, digits: str) -> str:
        """Return the MAC of an asked number, bound to its reference or batch id, in hex."""
        return self._mac("number", bound_to.encode(), digits.encode())[:_SHORT]

    def record(self, channel: str, batch_id: str, ordinal: int, content: bytes) -> str:
        """Return the MAC of a record, bound to its place, in hex."""
        place = (channel.encode(), batch_id.encode(), str(ordinal).encode())
        return self._mac("record", *place, content)[:_SHORT]

    def content(self, batch_id: str, reference: str, content: bytes) -> str:
        """Return the MAC of what a record says, bound to its question and to no place, in hex."""
        return self._mac("content", batch_id.encode(), reference.encode(), content)[:_SHORT]

    def request(self, method: str, content: bytes) -> str:
        """Return the MAC of a request's fields, in hex."""
        return self._mac("request", method.encode(), content)[:_SHORT]

    def file(self, content: bytes) -> str:
        """Return the MAC of a file that came in plain text, in hex."""
        return self._mac("file", content)

    def page(self, tenant: str, query: bytes, position: bytes) -> bytes:
        """Return the MAC of a page token, bound to tenant and query, 16 bytes."""
        return bytes.fromhex(self._mac("page", tenant.encode(), query, position)[:_SHORT])

    def _mac(self, use: str, *parts: bytes) -> str:
        mac = hmac.new(self._key, digestmod="sha256")
        for part in (use.encode(), *parts):
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.hexdigest()


def make_marks_key(directory: Path) -> bool:
    """Make the key file, 0600, unless it is there. Update ids depend on it: never replaced."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / MARKS_KEY
    if path.exists():
        return False
    write_private(path, secrets.token_bytes(_KEY_BYTES))
    return True


def load_marks(directory: Path) -> HmacMarks:
    """Read the key file. Raises ExchangeKeysUnusable."""
    path = directory / MARKS_KEY
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ExchangeKeysUnusable("the MAC key is open to others: make it 0600")
        return HmacMarks(path.read_bytes())
    except OSError:
        raise ExchangeKeysUnusable("the MAC key can't be read") from None
