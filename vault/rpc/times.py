"""Microseconds to protobuf's times and back."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(micros: int) -> Timestamp | None:
    """Return a Timestamp, or None for 0, which leaves a field unset."""
    if not micros:
        return None
    seconds, rest = divmod(micros, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def micros(value: Timestamp | Duration) -> int:
    """Return microseconds; 0 for an unset field."""
    return value.seconds * 1_000_000 + value.nanos // 1000
