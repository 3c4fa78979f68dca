"""Print what tracing one call in a hundred costs every call: CPU, against a vault without traces.

    python -m tests.bench.tracing_bench --dir DIR [--seconds 2] [--rounds 3]

Starts a PostgreSQL of its own and two vaults on it, one with traces off, one that samples 1 % and
sends what it sees to a receiver in this process. The same load goes to each in turn, so that both
see the same machine; the exporter's thread is in the CPU time, until the vault is quiet again. No
caller asks for a trace.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from tests.bench.phases import (
    BATCH,
    FULL,
    GENERATORS,
    Operation,
    Phase,
    Plan,
    shared_out,
)
from tests.bench.processes import (
    BenchFailed,
    Generator,
    Server,
    fill,
    loaded,
    running_generators,
    running_server,
)
from tests.bench.stats import median
from tests.bench.stores import STORES, BenchStore
from tests.doubles.otlp_receiver import otlp_receiver
from tests.doubles.vault_site import site_config

RATIO: Final = 0.01
BAR: Final = 0.10
"""What tracing may add to a call's CPU (issue 5)."""
IN_FLIGHT: Final = 64
ROUNDS: Final = 4
"""Pairs for each of a plan's rounds: many short ones, since the difference is smaller than the
machine's mood."""
MEASURED: Final[tuple[Operation, ...]] = ("Tokenize", "Detokenize")
EXPORTED: Final = "cardvault_trace_spans_exported_total"
_CARDS_APART: Final = 100_000


@dataclass(frozen=True, slots=True)
class Traced:
    """One operation without and with traces. CPU in microseconds a call, medians over rounds."""

    operation: Operation
    off_us: float
    on_us: float
    added: float
    """Share of a call's CPU: median over the rounds, each against its own neighbour."""
    spans: float

    @property
    def held(self) -> bool:
        """Tell whether the bar was held."""
        return self.added <= BAR


Pair = tuple[Server, list[Generator]]


def measured_traces(plan: Plan, directory: Path, store: BenchStore) -> list[Traced]:
    """Measure both vaults in turn, in pairs. Raises BenchFailed."""
    site_config(directory)
    found: dict[tuple[Operation, bool], list[float]] = {}
    seen: dict[Operation, float] = dict.fromkeys(MEASURED, 0.0)
    cards = count(80 * _CARDS_APART, _CARDS_APART)
    with otlp_receiver() as receiver, ExitStack() as stack:
        asked = ("--otlp-endpoint", receiver.endpoint, "--trace-ratio", str(RATIO))
        servers = [
            stack.enter_context(running_server(directory, store, name, events=False, more=more))
            for name, more in (("traces-off", ()), ("traces-on", asked))
        ]
        calls = max(1, plan.fill_cards // BATCH)
        fill(servers[0], directory, Phase("BatchTokenize", False, 2, 60.0, calls, 0))
        # Behind the filling: generators learn the tokens to reveal when they start.
        off, on = [
            (each, stack.enter_context(running_generators(each, directory, GENERATORS)))
            for each in servers
        ]
        for turn in range(plan.rounds * ROUNDS + 1):
            for operation in MEASURED:
                before = on[0].counter(EXPORTED)
                # Whoever is first in a round is second in the next one.
                for traced in (True, False) if turn % 2 else (False, True):
                    cpu = _cpu_us(on if traced else off, plan, operation, cards)
                    if turn:  # the first one warms both up
                        found.setdefault((operation, traced), []).append(cpu)
                seen[operation] += on[0].counter(EXPORTED) - before
    for operation in MEASURED:
        if not seen[operation]:
            raise BenchFailed("no span arrived: nothing was measured")
    return [_compared(each, found, seen[each]) for each in MEASURED]


def _cpu_us(pair: Pair, plan: Plan, operation: Operation, cards: Iterator[int]) -> float:
    seconds = plan.phase_seconds / 2
    whole = Phase(operation, False, IN_FLIGHT, seconds, plan.most_calls(operation), next(cards))
    load = loaded(*pair, shared_out(whole, cards))
    if load.failed or not load.calls:
        raise BenchFailed("calls failed while traces were measured")
    return load.cpu.process / load.calls * 1e6


def _compared(
    operation: Operation, found: dict[tuple[Operation, bool], list[float]], spans: float
) -> Traced:
    off, on = found[operation, False], found[operation, True]
    return Traced(
        operation,
        off_us=median(off),
        on_us=median(on),
        added=median([b / a - 1.0 for a, b in zip(off, on, strict=True)]),
        spans=spans,
    )


def table(results: Sequence[Traced]) -> str:
    """Return the costs as a table of Markdown, each against the bar."""
    said = (
        f"{RATIO:.0%} of the calls sampled, against none. CPU of the vault, its exporter included,"
        f" in µs a call at {IN_FLIGHT} in flight on PostgreSQL."
    )
    lines = [
        said,
        "",
        f"| operation | off | {RATIO:.0%} sampled | added | spans exported | at most {BAR:.0%} |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.operation} | {each.off_us:.0f} | {each.on_us:.0f} | {each.added:+.1%} |"
        f" {each.spans:.0f} | {'held' if each.held else 'NOT HELD'} |"
        for each in results
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="on the disk to be measured")
    parser.add_argument("--seconds", type=float, default=FULL.phase_seconds)
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument("--cards", type=int, default=2_000)
    options = parser.parse_args()
    plan = replace(
        FULL, rounds=options.rounds, phase_seconds=options.seconds, fill_cards=options.cards
    )
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        work = Path(name)
        with STORES["postgres"](work) as store:
            sys.stdout.write(table(measured_traces(plan, work, store)) + "\n")


if __name__ == "__main__":
    main()
