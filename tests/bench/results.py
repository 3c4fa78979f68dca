"""What a run found on each store: cells of operation by calls in flight, open loop, disk, bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench.machine import Machine
from tests.bench.phases import OPERATIONS, Operation, cards_in
from tests.bench.processes import Load
from tests.bench.stats import Latency, invalid_because, latency_of, median
from tests.bench.workers import Workers

JUDGED_IN_FLIGHT: Final = 64
_ENVOY: Final[dict[Operation, float]] = {"Tokenize": 220, "Detokenize": 160}
_FASTER: Final = 2.2
# The design's, with the database in processes of its own; and SQLite's, whose work is in them.
_RATIOS: Final[dict[Operation, float]] = {"Tokenize": 1.5, "Detokenize": 1.4}
_MICROSECONDS: Final[dict[Operation, float]] = {"BatchTokenize": 60, "BatchDetokenize": 25}
_EMBEDDED_RATIOS: Final[dict[Operation, float]] = {"Tokenize": 1.8, "Detokenize": 1.4}
_EMBEDDED_MICROSECONDS: Final[dict[Operation, float]] = {"BatchTokenize": 90, "BatchDetokenize": 35}
_OPEN_LOOP_MS: Final = 10
_SYNC_MS: Final = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One phase, measured once. CPU in microseconds a call, the server's unless it says whose."""

    cpu_us: float
    loop_us: float
    writer_us: float
    database_us: float
    calls_per_s: float
    entries_per_flush: float
    generator_share: float
    invalid: str


@dataclass(frozen=True, slots=True)
class Cell:
    """An operation, or its empty twin, at one number of calls in flight.

    Numbers are medians over the rounds that count; `ratio` is to the empty call of the same round
    (1 for the empty one itself), same request and reply sizes; `python_ratio` leaves the thread out
    that runs SQLite's transactions, as the bars were set with the database elsewhere. PostgreSQL's
    own processes are in `database_us` and nowhere else. `invalid` says why no round counts,
    `rejected` how many did not.
    """

    operation: Operation
    empty: bool
    in_flight: int
    cpu_us: float
    loop_us: float
    writer_us: float
    database_us: float
    cpu_us_per_card: float
    python_us_per_card: float
    ratio: float
    python_ratio: float
    calls_per_s: float
    entries_per_flush: float
    latency: Latency
    generator_share: float
    rejected: int
    invalid: str


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """The mix at a fixed rate; latency is from the intended time of each call."""

    rate: float
    seconds: float
    reveal_share: float
    calls: int
    latency: Latency
    lateness: Latency
    cpu_us: float
    database_us: float
    generator_share: float
    invalid: str


@dataclass(frozen=True, slots=True)
class Disk:
    """What cards and calls take on disk."""

    cards: int
    bytes_per_card: float
    bytes_by_table: dict[str, float]
    rows_per_call: dict[str, dict[str, float]]
    over_budget: list[str]
    sync: Latency


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the blueprint and what was measured against it; `least` where more is better."""

    name: str
    limit: float
    measured: float
    unit: str
    least: bool = False

    @property
    def held(self) -> bool:
        """Tell whether the bar was held."""
        return self.measured >= self.limit if self.least else self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class StoreResults:
    """What was measured on one store."""

    store: str
    version: str
    transport: str
    cells: list[Cell]
    open_loop: OpenLoop
    disk: Disk
    workers: list[Workers] = field(default_factory=list)
    shared: bool = False

    def cell(self, operation: Operation, *, empty: bool, in_flight: int) -> Cell:
        """Return one cell. Raises StopIteration for one that was not measured."""
        wanted = (operation, empty, in_flight)
        return next(c for c in self.cells if (c.operation, c.empty, c.in_flight) == wanted)

    @property
    def problems(self) -> list[str]:
        """Name what makes the run not count, and every budget that was broken."""
        found = [
            f"{'empty ' if cell.empty else ''}{cell.operation} at {cell.in_flight}: {cell.invalid}"
            for cell in self.cells
            if cell.invalid
        ]
        if self.open_loop.invalid:
            found.append(f"open loop: {self.open_loop.invalid}")
        return [f"{self.store}: {text}" for text in found + self.disk.over_budget]


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the bench."""

    plan: str
    machine: Machine
    stores: list[StoreResults]
    cache: str = ""
    """`cache_bench`'s table in Markdown: masked reads, with and without Redis."""
    traces: str = ""
    """`tracing_bench`'s: a call with and without traces."""
    codecs: str = ""
    """`codec_bench`'s: answer files read."""
    growth: str = ""
    """`growth_bench`'s: calls and memory as the vault grows."""
    client: str = ""
    """`client_bench`'s: the batching client against plain stubs."""

    @property
    def problems(self) -> list[str]:
        """Name what makes the run not count, and every budget that was broken."""
        return [text for store in self.stores for text in store.problems]


def bars_of(results: StoreResults) -> list[Bar]:
    """Compare with the bars at 64 calls in flight: SQLite's own, or the blueprint's.

    A bar whose operation was not measured is left out.
    """
    ratios, microseconds = _RATIOS, _MICROSECONDS
    if not results.shared:
        ratios, microseconds = _EMBEDDED_RATIOS, _EMBEDDED_MICROSECONDS
    found: list[Bar] = []
    judged = {
        cell.operation: cell
        for cell in results.cells
        if not cell.empty and cell.in_flight == JUDGED_IN_FLIGHT
    }
    if results.transport == "envoy":
        for operation, limit in _ENVOY.items():
            if operation in judged:
                cell = judged[operation]
                name = f"{operation}, CPU of vault and database a call"
                found.append(Bar(name, limit, cell.cpu_us + cell.database_us, "us"))
    else:
        for operation, limit in ratios.items():
            if operation in judged:
                cell = judged[operation]
                found.append(Bar(f"{operation}, to the empty call", limit, cell.ratio, "x"))
    for operation, limit in microseconds.items():
        if operation in judged:
            name = f"{operation}({cards_in(operation)}), Python a card"
            found.append(Bar(name, limit, judged[operation].python_us_per_card, "us"))
    found.append(Bar("Open loop, p99", _OPEN_LOOP_MS, results.open_loop.latency.p99, "ms"))
    found.append(Bar("A bare fsync meanwhile, p99", _SYNC_MS, results.disk.sync.p99, "ms"))
    return found + [
        Bar(f"{each.operation}, a call of two processes to one", 1.1, each.ratio, "x")
        for each in results.workers
    ]


def faster_bars(grpcio: StoreResults, envoy: StoreResults) -> list[Bar]:
    """Compare the calls a second of two transports on the same store, at 64 in flight."""
    found = []
    for operation in _ENVOY:
        pair = [
            cell.calls_per_s
            for results in (grpcio, envoy)
            for cell in results.cells
            if (cell.operation, cell.empty, cell.in_flight) == (operation, False, JUDGED_IN_FLIGHT)
        ]
        if len(pair) == 2:
            name = f"{operation}, calls/s to grpcio's"
            found.append(Bar(name, _FASTER, pair[1] / pair[0], "x", least=True))
    return found


def all_bars(results: Results, store: StoreResults) -> list[Bar]:
    """Return a store's bars, those against another store of the run included."""
    found = bars_of(store)
    for other in results.stores:
        if store.transport == "envoy" and other.shared and other.transport == "grpcio":
            found += faster_bars(other, store)
    return found


def run_of(load: Load) -> Run:
    """Reduce a phase's load to numbers a call."""
    calls = max(load.calls, 1)
    return Run(
        cpu_us=load.cpu.process / calls * 1e6,
        loop_us=load.cpu.threads.get("loop", 0.0) / calls * 1e6,
        writer_us=load.cpu.threads.get("writer", 0.0) / calls * 1e6,
        database_us=load.database_cpu / calls * 1e6,
        calls_per_s=load.calls / load.elapsed,
        entries_per_flush=load.entries / load.flushes if load.flushes else 0.0,
        generator_share=max(load.generator_shares),
        invalid=invalid_because(load.generator_shares, load.failed),
    )


def cell_of(
    operation: Operation,
    in_flight: int,
    loads: Sequence[Load],
    empties: Sequence[Load] | None,
) -> Cell:
    """Put a cell's rounds together; `empties` are the same rounds of its empty twin, if any.

    A round that is invalid, or whose twin is, counts for nothing; with no other left the cell is
    made of all and says that it is invalid.
    """
    runs = [run_of(load) for load in loads]
    twins = runs if empties is None else [run_of(load) for load in empties]
    pairs = list(zip(runs, twins, strict=True))
    counted = [at for at, pair in enumerate(pairs) if not any(run.invalid for run in pair)]
    used = counted or list(range(len(runs)))
    kept = [runs[at] for at in used]
    cards = cards_in(operation)
    cpu = median([run.cpu_us for run in kept])
    return Cell(
        operation=operation,
        empty=empties is None,
        in_flight=in_flight,
        cpu_us=cpu,
        loop_us=median([run.loop_us for run in kept]),
        writer_us=median([run.writer_us for run in kept]),
        database_us=median([run.database_us for run in kept]),
        cpu_us_per_card=cpu / cards,
        python_us_per_card=median([run.cpu_us - run.writer_us for run in kept]) / cards,
        ratio=_ratio([(runs[at].cpu_us, twins[at].cpu_us) for at in used]),
        python_ratio=_ratio(
            [(runs[at].cpu_us - runs[at].writer_us, twins[at].cpu_us) for at in used]
        ),
        calls_per_s=median([run.calls_per_s for run in kept]),
        entries_per_flush=median([run.entries_per_flush for run in kept]),
        latency=latency_of([one for at in used for one in loads[at].latencies] or [0.0]),
        generator_share=max(run.generator_share for run in kept),
        rejected=len(runs) - len(counted),
        invalid=""
        if counted
        else next(run.invalid for pair in pairs for run in pair if run.invalid),
    )


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the median of the quotients; 0 where nothing was measured to divide by."""
    return median([much / little for much, little in pairs if little] or [0.0])


def cells_of(
    rounds: Sequence[dict[tuple[Operation, bool, int], Load]],
    in_flight: Sequence[int],
    operations: Sequence[Operation] = OPERATIONS,
) -> list[Cell]:
    """Return all cells of some rounds, each operation's empty twin before it."""
    cells = []
    for operation in operations:
        for many in in_flight:
            empties = [each[operation, True, many] for each in rounds]
            loads = [each[operation, False, many] for each in rounds]
            cells.append(cell_of(operation, many, empties, None))
            cells.append(cell_of(operation, many, loads, empties))
    return cells
