"""What a flush reads of answers that wait for a card, as branches of its statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chassis.postgres.sql import Arguments
from vault.adapters.postgres.branches import branch, places
from vault.domain.parked import ParkedDay, ParkedKey, ParkedRow
from vault.usecases.ledger.state import NumberKey, State

PARKED: Final = 10
PARKED_DAYS: Final = 11  # behind the parts of `reading`
_NUMBER: Final = {"tenant": "text", "mac": "bytea"}
_ID: Final = {"tenant": "text", "update_id": "text"}
_DAY: Final = {"tenant": "text", "channel": "text", "day": "bigint"}
_ROW: Final = {
    "tenant": "t1",
    "update_id": "t2",
    "mac": "b1",
    "channel": "t3",
    "file": "t4",
    "day": "i1",
    "time": "i2",
    "look_time": "i3",
    "purge_time": "i4",
    "sealed": "b2",
}
_COLUMNS: Final = {small: f"p.{name}" for name, small in _ROW.items()}
_ROW_AT: Final = places(_ROW, ParkedRow._fields)
_COUNT: Final = {"tenant": "t1", "channel": "t2", "day": "i1", "count": "i2"}
_COUNT_AT: Final = places(_COUNT, _COUNT)


def of_numbers(arguments: Arguments, keys: Sequence[NumberKey]) -> list[str]:
    """Return the branch of the parked answers about numbers."""
    source = (
        f"{arguments.rows(keys, _NUMBER)}"
        " JOIN parked_updates AS p ON p.tenant = k.tenant AND p.mac = k.mac"
    )
    return [branch(PARKED, source, **_COLUMNS)]


def of_ids(arguments: Arguments, keys: Sequence[ParkedKey]) -> list[str]:
    """Return the branch of the parked answers with given update ids."""
    source = (
        f"{arguments.rows(keys, _ID)}"
        " JOIN parked_updates AS p ON p.tenant = k.tenant AND p.update_id = k.update_id"
    )
    return [branch(PARKED, source, **_COLUMNS)]


def of_days(arguments: Arguments, days: Sequence[ParkedDay]) -> list[str]:
    """Return the branch that counts a tenant's parked answers of a channel and day."""
    source = (
        f"{arguments.rows(days, _DAY)} CROSS JOIN LATERAL (SELECT count(*) AS n"  # noqa: S608
        " FROM parked_updates AS p WHERE p.tenant = k.tenant AND p.channel = k.channel"
        " AND p.day = k.day) AS c"
    )
    return [branch(PARKED_DAYS, source, t1="k.tenant", t2="k.channel", i1="k.day", i2="c.n")]


def take_parked(state: State, row: Sequence[Any]) -> None:
    """Note a parked answer."""
    state.park(ParkedRow._make([row[at] for at in _ROW_AT]))


def take_day(state: State, row: Sequence[Any]) -> None:
    """Note how many were parked."""
    *day, count = (row[at] for at in _COUNT_AT)
    state.parked_days[ParkedDay._make(day)] = count
