"""Columns of values as PostgreSQL's array literals, which the server parses.

A flush sends some sixty columns. The driver looks at each value of an array through two abstract
classes, to find nested arrays, which costs more than all the rest of a flush's sending; joining
texts costs a fifth of it, and the server parses such a literal as fast as it reads the driver's
form. Byte strings are left to the driver: in hexadecimal they are twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final


def array_argument(values: Sequence[Any], kind: str) -> tuple[Any, str]:
    """Return what to send for an array of `kind`, and the cast that its place needs.

    A column with None goes to the driver, which knows NULL. Raises TypeError for a value of another
    type.
    """
    literal = _LITERALS.get(kind)
    if literal is None:
        return values, f"{kind}[]"
    try:
        return literal(values) if values else "{}", f"text::{kind}[]"
    except TypeError:
        if None not in values:
            raise
        return values, f"{kind}[]"  # the driver knows NULL; no flush has it


def _texts(values: Sequence[Any]) -> str:
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * len(values) - 2:
        joined = '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values])
    return f'{{"{joined}"}}'


def _integers(values: Sequence[Any]) -> str:
    # The type's own method: it takes nothing but integers.
    return "{" + ",".join(map(int.__repr__, values)) + "}"


def _booleans(values: Sequence[Any]) -> str:
    return "{" + ",".join(["t" if _boolean(value) else "f" for value in values]) + "}"


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a boolean column holds booleans")
    return value


_LITERALS: Final[dict[str, Callable[[Sequence[Any]], str]]] = {
    "text": _texts,
    "bigint": _integers,
    "boolean": _booleans,
}
