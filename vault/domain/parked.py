"""Answers by number that wait for a card: as rows, and how many of them there may be."""

from __future__ import annotations

from typing import Final, NamedTuple

DAY_US: Final = 86_400_000_000
# Of one number: a network update decides them all again, a flush later.
MOST_OF_A_NUMBER: Final = 100
LOOK_AGAIN_US: Final = 60_000_000
"""After it was parked, an answer is decided once more: another process may, at that very moment,
have made its number a card's. Longer than a flush can take from reading to commit."""


class ParkedKey(NamedTuple):
    """A parked answer's identity."""

    tenant: str
    update_id: str


class ParkedDay(NamedTuple):
    """What is counted: a tenant's answers of one channel, parked on one day since the epoch."""

    tenant: str
    channel: str
    day: int


class ParkedRow(NamedTuple):
    """A parked answer as it is stored; times in microseconds since the epoch.

    `look_time` is when it is due to be decided again, 0 where nothing says that it is.
    """

    tenant: str
    update_id: str
    mac: bytes  # of the number that it is about, under the index key of its day
    channel: str
    file: str
    day: int
    time: int
    look_time: int
    purge_time: int
    sealed: bytes

    @property
    def key(self) -> ParkedKey:
        """The row's identity."""
        return ParkedKey(self.tenant, self.update_id)

    @property
    def counted(self) -> ParkedDay:
        """What the row counts for."""
        return ParkedDay(self.tenant, self.channel, self.day)


class ParkedChange(NamedTuple):
    """A parked answer's new row; `base` is what it replaces, None for one that is new."""

    base: ParkedRow | None
    row: ParkedRow | None
