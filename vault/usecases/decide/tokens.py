"""New tokens: random, never computed from a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from cards.luhn import luhn_valid
from cards.pan import Pan
from vault.domain.card import TokenFormat

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
_LETTERS: Final = bytes([ord(_ALPHABET[byte & 31]) for byte in range(256)])


def opaque_token(now_us: int, random: Callable[[int], bytes]) -> str:
    """Return `tok_` and 26 characters: 48 bits of milliseconds, 80 random bits (as a ULID)."""
    return "tok_" + timed_id(now_us, random)


def timed_id(now_us: int, random: Callable[[int], bytes]) -> str:
    """Return 26 characters: 48 bits of milliseconds, 80 random bits (as a ULID).

    Ids that grow with time lie side by side in an index: a batch of new cards touches a few pages
    of it instead of one each.
    """
    return _at(now_us // 1000) + random(16).translate(_LETTERS).decode()


@lru_cache(maxsize=1)  # one flush, one time
def _at(now_ms: int) -> str:
    return "".join([_ALPHABET[now_ms >> shift & 31] for shift in range(45, -1, -5)])


def card_shaped_token(pan: Pan, random: Callable[[int], bytes]) -> str:
    """Return digits as long as the number, with its last four, that fail the Luhn check."""
    length, last4 = len(pan), pan.last4
    while True:
        body = str(int.from_bytes(random(12), "big") % 10 ** (length - 4)).zfill(length - 4)
        if not luhn_valid(body + last4):
            return body + last4


def new_token(
    token_format: TokenFormat, pan: Pan, now_us: int, random: Callable[[int], bytes]
) -> str:
    """Return a token of the wanted format."""
    if token_format == TokenFormat.CARD_SHAPED:
        return card_shaped_token(pan, random)
    return opaque_token(now_us, random)
