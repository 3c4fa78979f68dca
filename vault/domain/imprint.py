"""What an answer left on a card, and what the card was before: enough to undo it.

Versions keep the numbers and expiries; an imprint keeps the rest, and says who spoke. People leave
one too where their word is to stand when a file is undone, though it made no version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vault.domain.card import Hold, HoldType, Times, pack


class ImprintKey(NamedTuple):
    """An answer speaks once of a card; a person's change has a revision of its own."""

    tenant: str
    token: str
    revision: int
    update_id: str


class Imprint(NamedTuple):
    """One row. `revision` is the card's after it, `source` names the channel and file."""

    tenant: str
    token: str
    revision: int
    update_id: str  # empty for a person's
    source: str  # empty for a person's
    version_before: int
    version_after: int
    kept: str  # JSON of `Left`
    undone: str  # what became of it when it was undone, empty until then
    time: int

    @property
    def key(self) -> ImprintKey:
        """The imprint's address."""
        return ImprintKey(*self[:4])


_NEVER: Final = Times()


@dataclass(frozen=True, slots=True)
class Left:
    """What an imprint keeps. Without `account` it is about holds alone."""

    account: bool = False  # it speaks of number, expiry or status
    again: bool = False  # it says what the card had already: from then on, both say so
    status: str = ""  # the card's before, as are those that follow
    unconfirmed: bool = False
    times: Times = _NEVER
    details: str | None = None  # where they changed
    transaction_ids: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """What a change of brand dropped, by merchant account."""
    placed: frozenset[Hold] = frozenset()
    said: frozenset[Hold] = frozenset()  # those placed, and those that were there already


def pack_left(left: Left) -> str:
    """Return the stored form: nothing of it is card data but what the card shows masked."""
    told = {
        "account": left.account,
        "again": left.again,
        "status": left.status,
        "unconfirmed": left.unconfirmed,
        "times": list(left.times) if any(left.times) else None,
        "details": left.details,
        "ids": {account: list(map(list, ids)) for account, ids in left.transaction_ids.items()},
        "placed": _rows(left.placed),
        "said": _rows(left.said - left.placed),
    }
    if left.details is None:
        del told["details"]  # they stayed; to have none is something else
    return pack({name: value for name, value in told.items() if value or name == "details"})


def left_in(imprint: Imprint) -> Left:
    """Parse what an imprint keeps."""
    told = json.loads(imprint.kept) if imprint.kept else {}
    placed = _holds(told.get("placed", ()))
    return Left(
        account=told.get("account", False),
        again=told.get("again", False),
        status=told.get("status", ""),
        unconfirmed=told.get("unconfirmed", False),
        times=Times(*told.get("times", ())),
        details=told.get("details"),
        transaction_ids={
            account: tuple((name, value) for name, value in ids)
            for account, ids in told.get("ids", {}).items()
        },
        placed=placed,
        said=placed | _holds(told.get("said", ())),
    )


def _rows(holds: frozenset[Hold]) -> list[list[str]]:
    return sorted([hold.type.value, hold.merchant_account] for hold in holds)


def _holds(rows: list[list[str]]) -> frozenset[Hold]:
    return frozenset(Hold(HoldType(kind), account) for kind, account in rows)
