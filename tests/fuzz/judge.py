"""What may come of an input: an answer, or a refusal that says nothing of what was refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from tests.fuzz.target import Broken

CANARY: Final = "Canary-7Qz"
"""A word that no name and no fixed text has, nor any alphabet of ours that is shown again."""
_DIGITS: Final = re.compile(rb"[0-9]{9,}")

T = TypeVar("T")


def marks_in(data: bytes) -> frozenset[bytes]:
    """Return what of an input may not come back: runs of nine digits or more, and the canary."""
    found = {run[:19] for run in _DIGITS.findall(data)}
    if CANARY.encode() in data:
        found.add(CANARY.encode())
    return frozenset(found)


def must_not_echo(data: bytes, said: bytes, where: str) -> None:
    """Raise Broken where what was said holds what must not come back from the input."""
    if any(mark in said for mark in marks_in(data)):
        raise Broken(f"{where} echoes the input")


def attempted(
    data: bytes, take: Callable[[], T], *refusals: type[Exception]
) -> tuple[T | None, str]:
    """Return what came of taking an input, and whether it was "taken" or "refused".

    Only the refusals named may come, and neither they nor what they carry show the input.
    """
    try:
        return take(), "taken"
    except refusals as error:
        must_not_echo(data, _printed(error), f"the text of {type(error).__name__}")
        return None, "refused"


def _printed(error: BaseException) -> bytes:
    """Return everything that printing an exception with its causes would show."""
    return "\n".join(f"{each!s} {each!r}" for each in _chain(error)).encode(errors="replace")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def same(one: Any, other: Any, what: str) -> None:
    """Raise Broken where two things that must agree do not."""
    if one != other:
        raise Broken(f"{what} does not come back as it was")
