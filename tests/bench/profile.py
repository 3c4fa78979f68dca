"""Say where the vault's CPU time goes: shares by part and by function, for each operation.

    python -m tests.bench.profile [--store postgres] [--in-flight 64] [--seconds 5] [--operation …]

The server is the bench's, the load its generators', the sampler `sampling.py`. Shares are of the
event loop's thread; what its other threads use, gRPC's own above all, is told beside. Sampling
costs a few percent, so the totals are not the bench's. PERFORMANCE.md quotes what this prints.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.bench.phases import (
    GENERATORS,
    IN_FLIGHT,
    OPERATIONS,
    Operation,
    Phase,
    cards_in,
    shared_out,
)
from tests.bench.processes import (
    BenchFailed,
    Generator,
    Load,
    Server,
    fill,
    loaded,
    running_generators,
    running_server,
)
from tests.bench.stores import STORES
from tests.doubles.vault_site import site_config

_CARDS_APART: Final = 500_000
_WRITE_S: Final = 10.0
_MOST_CALLS_A_SECOND: Final = 3_000
_MOST_BATCHES_A_SECOND: Final = 200
_PARTS, _FUNCTIONS = 24, 30


def profiled(
    server: Server, generators: list[Generator], options: argparse.Namespace, operation: Operation
) -> tuple[Load, dict[str, Any]]:
    """Load the server with one operation while it samples itself."""
    a_second = _MOST_BATCHES_A_SECOND if cards_in(operation) > 1 else _MOST_CALLS_A_SECOND
    first = (1 + OPERATIONS.index(operation)) * GENERATORS * _CARDS_APART
    most = int(a_second * options.seconds)
    phase = Phase(operation, False, options.in_flight, options.seconds, most, first)
    shares = shared_out(phase, count(first, _CARDS_APART))
    server.profile.unlink(missing_ok=True)
    server.process.send_signal(signal.SIGUSR1)
    load = loaded(server, generators, shares)
    server.process.send_signal(signal.SIGUSR2)
    until = time.monotonic() + _WRITE_S
    while not server.profile.exists():
        if time.monotonic() > until:
            raise BenchFailed("the server has written no profile")
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(server.profile.read_text())
    return load, found


def show(operation: Operation, load: Load, found: Mapping[str, Any]) -> None:
    """Print one operation's shares; microseconds are a card."""
    cards, main = load.calls * cards_in(operation), found["main"]
    say = sys.stdout.write
    say(f"\n{operation}: {load.calls:,} calls, {load.entries / load.flushes:.0f} entries a flush\n")
    say(f"  {main / cards * 1e6:7.1f} us a card in the event loop's thread\n")
    say(f"  {(found['process'] - main) / cards * 1e6:7.1f} us a card in all others\n")
    for heads, many in (("areas", _PARTS), ("functions", _FUNCTIONS)):
        say(f"  {heads}:\n")
        for name, seconds in list(found[heads].items())[:many]:
            say(f"    {seconds / main:6.1%} {seconds / cards * 1e6:7.1f} us  {name}\n")


def main() -> int:
    """Profile each operation that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=sorted(STORES), default="postgres")
    parser.add_argument("--in-flight", type=int, choices=IN_FLIGHT, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--operation", choices=OPERATIONS, action="append")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cardvault-profile-"))
    site_config(work)
    with STORES[options.store](work) as store, running_server(work, store) as server:
        fill(server, work, Phase("BatchTokenize", False, 2, 60.0, 100, 0))
        with running_generators(server, work, GENERATORS) as generators:
            for operation in options.operation or OPERATIONS:
                show(operation, *profiled(server, generators, options, operation))
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
