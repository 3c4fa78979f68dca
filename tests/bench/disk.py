"""What calls leave on disk: rows against a committed budget, and what a sync costs here."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.bench.phases import Operation
from tests.bench.stats import Latency, latency_of

# Rows that one call adds, by table; a table that isn't named: none. Events count when they are
# delivered: a line of the events file, an outbox row before.
BUDGET: Final[Mapping[Operation, Mapping[str, int]]] = {
    "Tokenize": {
        "cards": 1,
        "fingerprints": 1,
        "existing_cards": 1,
        "requests": 1,
        "audit": 1,
        "events": 1,
    },
    "Detokenize": {"audit": 1},
}
# One a second whatever is called.
_BY_TIME: Final = frozenset({"checkpoints"})
_MOST_SYNC_SECONDS: Final = 10.0
_PAGE: Final = 4_096


def with_events(tables: Mapping[str, int], directory: Path) -> dict[str, int]:
    """Return the rows of each table, delivered events and waiting ones as one."""
    events = directory / "events.jsonl"
    lines = events.read_bytes().count(b"\n") if events.exists() else 0
    found = dict(tables)
    found["events"] = found.pop("outbox") + lines
    return found


def rows_per_call(
    before: Mapping[str, int], after: Mapping[str, int], calls: int
) -> dict[str, float]:
    """Return the rows that each call added, by table, without tables that didn't grow."""
    return {
        name: (after[name] - before[name]) / calls
        for name in after
        if name not in _BY_TIME and after[name] != before[name]
    }


def over_budget(operation: Operation, rows: Mapping[str, float]) -> list[str]:
    """Name each table whose rows per call are not exactly those of the budget."""
    budget = BUDGET[operation]
    return [
        f"{operation}: {rows.get(name, 0):g} rows a call in {name}, the budget says {wanted}"
        for name in sorted(budget.keys() | rows.keys())
        if rows.get(name, 0) != (wanted := budget.get(name, 0))
    ]


def bare_sync(directory: Path, count: int) -> Latency:
    """Append a page and sync it, again and again: the floor under any durable write here."""
    path = directory / "sync.probe"
    samples: list[float] = []
    until = time.monotonic() + _MOST_SYNC_SECONDS
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while len(samples) < count and time.monotonic() < until:
            os.write(descriptor, bytes(_PAGE))
            began = time.perf_counter()
            os.fsync(descriptor)
            samples.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return latency_of(samples)
