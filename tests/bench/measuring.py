"""Measure one store: fill it, count rows, run every phase beside its empty twin, the open loop."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

from rich.progress import Progress

from tests.bench import disk as on_disk
from tests.bench.phases import (
    BATCH,
    GENERATORS,
    MOST_EMPTY_CALLS_A_SECOND,
    REVEAL_SHARE,
    Operation,
    Phase,
    Plan,
    cards_in,
    shared_out,
)
from tests.bench.processes import (
    Generator,
    Load,
    Server,
    fill,
    loaded,
    running_generators,
    running_server,
)
from tests.bench.results import Disk, OpenLoop, StoreResults, cells_of
from tests.bench.stats import invalid_because, latency_of
from tests.bench.stores import BenchStore
from tests.doubles.vault_site import site_config

Measured = dict[tuple[Operation, bool, int], Load]
_CARDS_A_SHARE: Final = 100_000  # apart: no two shares of a run send the same card
_DELIVERED_S: Final = 10.0


class Bench:
    """One run of a plan in a directory, on one store."""

    def __init__(self, plan: Plan, directory: Path, store: BenchStore, progress: Progress) -> None:
        self._plan = plan
        self._dir = directory
        self._store = store
        self._progress = progress
        self._first_cards = count(_CARDS_A_SHARE, _CARDS_A_SHARE)

    def run(self) -> StoreResults:
        """Measure everything."""
        site_config(self._dir)  # keys, certificates and policy, before any process
        with running_server(self._dir, self._store) as server:
            self._fill(server)
        # Stopped: SQLite's log is in the database, and nothing but the cards has been written.
        cards = self._store.rows()["cards"]
        size, tables = self._store.total_bytes(), self._store.bytes_by_table()
        with (
            running_server(self._dir, self._store) as server,
            running_generators(server, self._dir, GENERATORS) as generators,
        ):
            rows = self._rows(server, generators)
            rounds = self._rounds(server, generators)
            open_loop = self._open_loop(server, generators)
            server.settle()
            sync = on_disk.bare_sync(self._store.sync_directory(), self._plan.syncs)
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
        cells = cells_of(rounds, self._plan.in_flight, self._plan.operations)
        store = self._store
        return StoreResults(
            store.name, store.version, store.transport, cells, open_loop, disk, shared=store.shared
        )

    def _phase(self, operation: Operation, in_flight: int, most_calls: int) -> Phase:
        seconds = self._plan.phase_seconds
        return Phase(operation, False, in_flight, seconds, most_calls, next(self._first_cards))

    def _fill(self, server: Server) -> None:
        task = self._progress.add_task("fill", total=1)
        phase = self._phase("BatchTokenize", 2, self._plan.fill_cards // BATCH)
        fill(server, self._dir, replace(phase, seconds=120.0))
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
            before = self._rows_now()
            load = loaded(server, generators, [phase])
            calls = load.calls + 1  # and the one that opened the connection
            found[operation] = on_disk.rows_per_call(before, self._rows_now(), calls)
        return found

    def _rows_now(self) -> dict[str, int]:
        """Count rows when all events are delivered: one under way is in outbox and file."""
        tables = self._store.rows()
        until = time.monotonic() + _DELIVERED_S
        while tables["outbox"] and time.monotonic() < until:
            time.sleep(0.1)
            tables = self._store.rows()
        return on_disk.with_events(tables, self._dir)

    def _rounds(self, server: Server, generators: list[Generator]) -> list[Measured]:
        plan = self._plan
        total = plan.rounds * len(plan.in_flight) * len(plan.operations) * 2
        task = self._progress.add_task("calls", total=total)
        rounds: list[Measured] = []
        for _ in range(plan.rounds):
            measured: Measured = {}
            for in_flight in plan.in_flight:
                for operation in plan.operations:
                    for empty in (True, False):  # side by side: they see the same machine
                        shares = self._split(operation, in_flight, empty=empty)
                        measured[operation, empty, in_flight] = loaded(server, generators, shares)
                        self._progress.advance(task)
            rounds.append(measured)
        return rounds

    def _split(self, operation: Operation, in_flight: int, *, empty: bool) -> list[Phase]:
        most = self._plan.most_calls(operation)
        if empty:
            most = int(MOST_EMPTY_CALLS_A_SECOND * self._plan.phase_seconds)
        stores = not empty and operation.endswith("Tokenize")  # a reveal needs no new cards
        assert not stores or most * cards_in(operation) <= _CARDS_A_SHARE
        whole = replace(self._phase(operation, in_flight, most), empty=empty)
        return shared_out(whole, self._first_cards)

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
            database_us=load.database_cpu / max(load.calls, 1) * 1e6,
            generator_share=max(load.generator_shares),
            invalid=invalid_because(
                load.generator_shares, load.failed, max(0, calls - load.calls - load.failed.total())
            ),
        )
