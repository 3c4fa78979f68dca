"""Branches of one UNION ALL: what part a row is of, small columns, a card's, and a version's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from chassis.postgres.sql import listed
from vault.adapters.postgres.sql import CARD, VERSION

SMALL: Final = {
    "t1": "text",
    "t2": "text",
    "t3": "text",
    "t4": "text",
    "t5": "text",
    "t6": "text",
    "b1": "bytea",
    "b2": "bytea",
    "i1": "bigint",
    "i2": "bigint",
    "i3": "bigint",
    "i4": "bigint",
    "o1": "boolean",
}
CARD_AT: Final = 1 + len(SMALL)
VERSION_AT: Final = CARD_AT + len(CARD)


def branch(part: int, source: str, *, card: str = "", version: str = "", **small: str) -> str:
    """Return one branch: the named small columns are expressions, all others are NULL."""
    values = [str(part)]
    values += [small.get(name, f"NULL::{kind}") for name, kind in SMALL.items()]
    values.append(listed(CARD, card) if card else _nulls(CARD.values()))
    values.append(listed(VERSION, version) if version else _nulls(VERSION.values()))
    return f"SELECT {', '.join(values)} FROM {source}"  # noqa: S608 - constants only


def _nulls(kinds: Iterable[str]) -> str:
    return ", ".join(f"NULL::{kind}" for kind in kinds)


def places(of: Mapping[str, str], names: Iterable[str]) -> tuple[int, ...]:
    """Return where in a row a tuple's fields are; `of` names each one's small column."""
    return tuple(1 + list(SMALL).index(of[name]) for name in names)
