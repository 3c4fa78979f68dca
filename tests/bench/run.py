"""`make bench`: run the plan, show and keep what it found. Loopback only; ends by itself.

Exit 0: the run counts and the row budgets hold. The bars are shown and judged by whoever reads
them: on a busy machine they say little.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from tests.bench import disk as on_disk
from tests.bench.machine import this_machine
from tests.bench.phases import (
    BATCH,
    FULL,
    IN_FLIGHT,
    MOST_EMPTY_CALLS_A_SECOND,
    OPERATIONS,
    QUICK,
    REVEAL_SHARE,
    Operation,
    Phase,
    Plan,
    cards_in,
)
from tests.bench.processes import (
    BenchFailed,
    Generator,
    Load,
    Server,
    loaded,
    running_generators,
    running_server,
)
from tests.bench.report import markdown, rewrite, show
from tests.bench.results import Disk, OpenLoop, Results, bars_of, cells_of
from tests.bench.stats import Latency, invalid_because, latency_of
from tests.doubles.vault_site import site_config

Measured = dict[tuple[Operation, bool, int], Load]
GENERATORS: Final = 2
_CARDS_A_SHARE: Final = 100_000  # apart: no two shares of a run send the same card


class Bench:
    """One run of a plan in a directory."""

    def __init__(self, plan: Plan, directory: Path, progress: Progress) -> None:
        self._plan = plan
        self._dir = directory
        self._progress = progress
        self._shares = count(1)

    def run(self, command: str) -> Results:
        """Measure everything."""
        machine = this_machine(command)
        site_config(self._dir)  # keys, certificates and policy, before any process
        with running_server(self._dir) as server:
            self._fill(server)
        # Stopped: the log is in the database, and nothing but the cards has been written.
        cards = on_disk.rows_now(self._dir)["cards"]
        size, tables = on_disk.database_bytes(self._dir), on_disk.bytes_by_table(self._dir)
        with (
            running_server(self._dir) as server,
            running_generators(server, self._dir, GENERATORS) as generators,
        ):
            rows = self._rows(server, generators)
            rounds = self._rounds(server, generators)
            open_loop = self._open_loop(server, generators)
            server.settle()
            sync = self._sync()
        disk = Disk(
            cards=cards,
            bytes_per_card=size / cards,
            bytes_by_table={name: total / cards for name, total in tables.items()},
            rows_per_call={str(name): found for name, found in rows.items()},
            over_budget=[
                text for name, found in rows.items() for text in on_disk.over_budget(name, found)
            ],
            sync=sync,
        )
        cells = cells_of(rounds, IN_FLIGHT)
        return Results(self._plan.name, machine, cells, open_loop, disk)

    def _phase(self, operation: Operation, in_flight: int, most_calls: int) -> Phase:
        first = next(self._shares) * _CARDS_A_SHARE
        seconds = self._plan.phase_seconds
        return Phase(operation, False, in_flight, seconds, most_calls, first)

    def _fill(self, server: Server) -> None:
        """Store the cards that reveals will draw from, and keep their tokens."""
        task = self._progress.add_task("fill", total=1)
        with running_generators(server, self._dir, 1) as generators:
            phase = self._phase("BatchTokenize", 2, self._plan.fill_cards // BATCH)
            load = loaded(server, generators, [replace(phase, seconds=120.0)], keep=True)
        if load.failed or load.calls != phase.most_calls:
            raise BenchFailed("the cards to reveal could not be stored")
        self._progress.advance(task)

    def _rows(
        self, server: Server, generators: list[Generator]
    ) -> dict[Operation, dict[str, float]]:
        """Count what single calls write; also warms up both ends."""
        found: dict[Operation, dict[str, float]] = {}
        operations: tuple[Operation, ...] = ("Tokenize", "Detokenize")
        for operation in operations:
            phase = replace(self._phase(operation, 1, self._plan.budget_calls), seconds=60.0)
            server.settle()
            before = on_disk.rows_now(self._dir)
            load = loaded(server, generators, [phase])
            calls = load.calls + 1  # and the one that opened the connection
            found[operation] = on_disk.rows_per_call(before, on_disk.rows_now(self._dir), calls)
        return found

    def _rounds(self, server: Server, generators: list[Generator]) -> list[Measured]:
        total = self._plan.rounds * len(IN_FLIGHT) * len(OPERATIONS) * 2
        task = self._progress.add_task("calls", total=total)
        rounds: list[Measured] = []
        for _ in range(self._plan.rounds):
            measured: Measured = {}
            for in_flight in IN_FLIGHT:
                for operation in OPERATIONS:
                    for empty in (True, False):  # side by side: they see the same machine
                        shares = self._split(operation, in_flight, empty=empty)
                        measured[operation, empty, in_flight] = loaded(server, generators, shares)
                        self._progress.advance(task)
            rounds.append(measured)
        return rounds

    def _split(self, operation: Operation, in_flight: int, *, empty: bool) -> list[Phase]:
        """Divide a phase between the generators; one call in flight can't be divided."""
        sharers = min(GENERATORS, in_flight)
        most = self._plan.most_calls(operation)
        if empty:
            most = int(MOST_EMPTY_CALLS_A_SECOND * self._plan.phase_seconds)
        stores = not empty and operation.endswith("Tokenize")  # a reveal needs no new cards
        assert not stores or most * cards_in(operation) <= _CARDS_A_SHARE
        each = self._phase(operation, in_flight // sharers, max(1, most // sharers))
        return [
            replace(each, empty=empty, first_card=next(self._shares) * _CARDS_A_SHARE)
            for _ in range(sharers)
        ]

    def _open_loop(self, server: Server, generators: list[Generator]) -> OpenLoop:
        plan = self._plan
        task = self._progress.add_task("open loop", total=1)
        calls = int(plan.open_loop_rate * plan.open_loop_seconds)
        phase = replace(
            self._phase("Tokenize", 0, calls),
            seconds=plan.open_loop_seconds,
            rate=plan.open_loop_rate,
        )
        load = loaded(server, generators, [phase])
        self._progress.advance(task)
        return OpenLoop(
            rate=plan.open_loop_rate,
            seconds=plan.open_loop_seconds,
            reveal_share=REVEAL_SHARE,
            calls=load.calls,
            latency=latency_of(load.latencies or [0.0]),
            lateness=latency_of(load.lateness or [0.0]),
            cpu_us=load.cpu.process / max(load.calls, 1) * 1e6,
            generator_share=max(load.generator_shares),
            invalid=invalid_because(load.generator_shares, load.failed + calls - load.calls),
        )

    def _sync(self) -> Latency:
        return on_disk.bare_sync(self._dir, self._plan.syncs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute: does it work?")
    parser.add_argument("--dir", type=Path, required=True, help="on the disk to be measured")
    parser.add_argument("--page", type=Path, help="the page whose generated part is renewed")
    options = parser.parse_args(arguments)
    options.dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=options.dir))
    console = Console(width=None if sys.stdout.isatty() else 160)
    command = "make bench QUICK=1" if options.quick else "make bench"
    try:
        with Progress(console=console, transient=True) as progress:
            results = Bench(QUICK if options.quick else FULL, work, progress).run(command)
    except BenchFailed as error:
        console.print(f"bench: {error}", style="bold red")
        return 2  # the directory stays, with the server's log
    shutil.rmtree(work)
    show(results, console)
    kept = options.dir / "results.json"
    bars = [{**asdict(bar), "held": bar.held} for bar in bars_of(results)]
    told = {**asdict(results), "bars": bars, "problems": results.problems}
    kept.write_text(json.dumps(told, indent=1) + "\n")
    console.print(f"kept in {kept}")
    if options.page is not None:
        rewrite(options.page, markdown(results))
        console.print(f"renewed {options.page}")
    return 1 if results.problems else 0


if __name__ == "__main__":
    sys.exit(main())
