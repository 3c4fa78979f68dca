"""What goes between a supervisor and its workers: numbered questions, numbered answers.

The numbers matter: an answer that came after its time is known, and not taken for the next one.
"""

from __future__ import annotations

import struct
from http import HTTPStatus
from io import BufferedRWPair
from typing import Final

MAX_PATH: Final = 64
MAX_BODY: Final = 8 << 20
"""A worker's metrics are some hundred kilobytes; what is longer is not read."""
_ANSWER: Final = struct.Struct("!IHI")


def question(number: int, path: str) -> bytes:
    """Return the bytes of a question."""
    return f"{number} {path}\n".encode("ascii")


def read_question(stream: BufferedRWPair) -> tuple[int, str] | None:
    """Wait for a question; None: there will be no more."""
    try:
        line = stream.readline(MAX_PATH)
        number, _blank, path = line.decode("ascii").rstrip("\n").partition(" ")
        return int(number), path
    except (OSError, ValueError):
        return None


def write_answer(stream: BufferedRWPair, number: int, status: HTTPStatus, body: bytes) -> bool:
    """Answer a question; False: nobody listens any more."""
    if len(body) > MAX_BODY:
        status, body = HTTPStatus.INSUFFICIENT_STORAGE, b""
    try:
        stream.write(_ANSWER.pack(number, status, len(body)) + body)
        stream.flush()
    except OSError:
        return False
    return True


def header_of(received: bytes | bytearray) -> tuple[int, int, int, int] | None:
    """Return an answer's number, status and size, and where it begins; None: not all is there."""
    if len(received) < _ANSWER.size:
        return None
    number, status, size = _ANSWER.unpack_from(received)
    return number, status, size, _ANSWER.size
