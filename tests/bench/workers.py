"""What a second vault process on the same database costs: CPU a call, against one process.

Each process is what `serve --workers` starts for one worker, with its own event loop, ledger and
audit chain, but on a port of its own: so each gets the same load, whatever the kernel's choice. No
events file, which is for one process. Calls in flight are per process: flushes stay as large.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.bench.phases import BATCH, Operation, Phase, Plan
from tests.bench.processes import (
    Generator,
    Server,
    loaded,
    running_generators,
    running_server,
)
from tests.bench.stats import median
from tests.bench.stores import BenchStore
from tests.doubles.vault_site import site_config

IN_FLIGHT: Final = 64
MEASURED: Final[tuple[Operation, ...]] = ("Tokenize", "Detokenize")
_CARDS_APART: Final = 100_000


@dataclass(frozen=True, slots=True)
class Workers:
    """One operation with one and with two processes. CPU in microseconds a call."""

    operation: Operation
    one_us: float
    two_us: float
    ratio: float
    one_calls_per_s: float
    two_calls_per_s: float


def measured_workers(plan: Plan, directory: Path, store: BenchStore) -> list[Workers]:
    """Measure one and two processes in turn, as often as the plan has rounds."""
    site_config(directory)
    with (
        running_server(directory, store, events=False) as server,
        running_generators(server, directory, 1) as generators,
    ):
        fill = Phase("BatchTokenize", False, 2, 60.0, plan.fill_cards // BATCH, 0)
        loaded(server, generators, [fill], keep=True)
    found: dict[tuple[Operation, int], list[tuple[float, float]]] = {}
    next_card = 50 * _CARDS_APART
    for _ in range(plan.rounds):
        for count in (1, 2):
            with ExitStack() as stack:
                pairs = [_started(stack, directory, store, at) for at in range(count)]
                for operation in MEASURED:
                    cell = found.setdefault((operation, count), [])
                    cell.append(_together(pairs, plan, operation, next_card))
                    next_card += 2 * _CARDS_APART
    return [_compared(operation, found) for operation in MEASURED]


def _started(
    stack: ExitStack, directory: Path, store: BenchStore, at: int
) -> tuple[Server, Generator]:
    server = stack.enter_context(running_server(directory, store, f"worker-{at}", events=False))
    (generator,) = stack.enter_context(running_generators(server, directory, 1))
    return server, generator


def _together(
    pairs: list[tuple[Server, Generator]], plan: Plan, operation: Operation, first_card: int
) -> tuple[float, float]:
    """Load all processes at once; return CPU seconds a call, and calls a second of all."""
    for at, (_server, generator) in enumerate(pairs):
        phase = Phase(
            operation,
            empty=False,
            in_flight=IN_FLIGHT,
            seconds=plan.phase_seconds,
            most_calls=plan.most_calls(operation),
            first_card=first_card + at * _CARDS_APART,
        )
        generator.tell("prepare", **asdict(phase))
        generator.answer()
    for server, _generator in pairs:
        server.settle()
    before = [server.cpu() for server, _generator in pairs]
    for _server, generator in pairs:
        generator.tell("go")
    done = [generator.answer() for _server, generator in pairs]
    for server, _generator in pairs:
        server.settle()
    used = sum(
        server.cpu().since(start).process
        for (server, _generator), start in zip(pairs, before, strict=True)
    )
    for _server, generator in pairs:
        generator.tell("check", keep=False)
        generator.answer()
    calls = sum(each["calls"] for each in done)
    return used / max(calls, 1), calls / max(each["elapsed"] for each in done)


def _compared(
    operation: Operation, found: dict[tuple[Operation, int], list[tuple[float, float]]]
) -> Workers:
    one, two = found[operation, 1], found[operation, 2]
    return Workers(
        operation,
        one_us=median([cpu for cpu, _rate in one]) * 1e6,
        two_us=median([cpu for cpu, _rate in two]) * 1e6,
        ratio=median([b[0] / a[0] for a, b in zip(one, two, strict=True)]),
        one_calls_per_s=median([rate for _cpu, rate in one]),
        two_calls_per_s=median([rate for _cpu, rate in two]),
    )
