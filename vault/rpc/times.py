"""Microseconds to protobuf's times and back."""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


@lru_cache(maxsize=64)  # cards of one flush have one time; nobody changes the fields
def timestamp(micros: int) -> dict[str, int] | None:
    """Return a Timestamp's fields for a message's constructor; None for 0, which leaves it unset.

    Not a Timestamp: making one and having it copied costs three times as much, twice a card.
    """
    if not micros:
        return None
    seconds, rest = divmod(micros, 1_000_000)
    return {"seconds": seconds, "nanos": rest * 1000}


def micros(value: Timestamp | Duration) -> int:
    """Return microseconds; 0 for an unset field."""
    return value.seconds * 1_000_000 + value.nanos // 1000
