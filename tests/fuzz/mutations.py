"""Changes to bytes that know nothing of what they mean, all decided by the dice."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from tests.fuzz.judge import CANARY

COMMON_WORDS: Final = (
    CANARY.encode(),
    b"4111111111111111",
    b"9" * 25,
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xc3\xa9",
    b"\xd9\xa3",
    b"\r\n",
    b"%n%s",
    b"1e999",
    b"-1",
    b"9223372036854775808",
    b"[" * 50,
)
"""What upsets readers: marks, digits of other scripts, half characters, numbers past all bounds."""


def mutated(
    data: bytes, dice: Random, longest: int, words: Sequence[bytes], others: Sequence[bytes]
) -> bytes:
    """Return an input changed in a few places, within `longest` bytes."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5))):
        _change(changed, dice, words, others)
    return bytes(changed[:longest])


def _change(data: bytearray, dice: Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    end = min(len(data), at + dice.choice((1, 1, 2, 4, 8, 16, 64)))
    match dice.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        case 1 if at < len(data):
            data[at] = dice.randrange(256)
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end]
        case 4:
            data[at:at] = dice.choice(words or COMMON_WORDS)
        case 5:
            data[at:end] = dice.choice(COMMON_WORDS)
        case 6 if others:
            other = dice.choice(others)
            start = dice.randrange(len(other) + 1)
            data[at:end] = other[start : start + dice.randrange(1, 65)]
        case 7 if dice.randrange(4) == 0:
            del data[at:]
        case _:
            data[at:end] = dice.randbytes(dice.randrange(1, 9))
