"""Print how many calls a second the batching client makes, against the plain stubs.

    python -m tests.bench.client_bench --dir DIR [--seconds 2] [--rounds 3]

One vault on SQLite, as `make bench` measures it, and one process that calls it with 64 calls in
flight: with the generated stubs, then through `cardvault.client.Vault`, in turn, so that both see
the same machine. The caller is Python, too, and shares the machine with the vault: what each of
them uses is told beside the rate.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.bench.client_load import BATCHING, PLAIN
from tests.bench.phases import FULL, Operation, Plan
from tests.bench.processes import BenchFailed, Server, running_server
from tests.bench.stats import median
from tests.bench.stores import STORES, BenchStore
from tests.doubles.vault_site import site_config

IN_FLIGHT: Final = 64
BAR: Final = 5.0
"""Calls a second through the batching client, to those of plain single calls (issue 7)."""
MEASURED: Final[tuple[Operation, ...]] = ("Tokenize", "Detokenize")
_MOST_A_SECOND: Final = 30_000
_STOP_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Rate:
    """One phase. CPU in microseconds a call: the vault's, its event loop's, the caller's."""

    calls_a_second: float
    vault_us: float
    loop_us: float
    caller_us: float
    calls_a_flush: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One operation both ways: medians over the rounds; `ratio` is each round's own, its median."""

    operation: Operation
    plain: Rate
    batching: Rate
    ratio: float

    @property
    def held(self) -> bool:
        """Tell whether the bar was held."""
        return self.ratio >= BAR


class Caller:
    """The process that calls."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return its answer. Raises BenchFailed if the process is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed("the process that calls the vault ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def _caller(server: Server, directory: Path, more: Sequence[str]) -> Iterator[Caller]:
    command = [sys.executable, "-m", "tests.bench.client_load", *more]
    command += ["--target", f"127.0.0.1:{server.port}", "--pki", str(directory / "pki")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Caller(process)
            assert process.stdin is not None
            process.stdin.close()
            process.wait(_STOP_S)
        finally:
            process.kill()


def measured_client(
    plan: Plan, directory: Path, store: BenchStore, more: Sequence[str] = ()
) -> list[Compared]:
    """Measure both ways in turn; `more` goes to the caller. Raises BenchFailed."""
    site_config(directory)
    found: dict[tuple[Operation, str], list[Rate]] = {}
    with running_server(directory, store) as server, _caller(server, directory, more) as caller:
        caller.ask(fill=plan.fill_cards)
        for turn in range(plan.rounds + 1):
            for operation in MEASURED:
                for how in (PLAIN, BATCHING):
                    rate = _rate(server, caller, plan, operation, how)
                    if turn:  # the first one warms both ends up
                        found.setdefault((operation, how), []).append(rate)
    return [_compared(each, found[each, PLAIN], found[each, BATCHING]) for each in MEASURED]


def _rate(server: Server, caller: Caller, plan: Plan, operation: Operation, how: str) -> Rate:
    server.settle()
    before, entries = server.cpu(), server.counter(_ENTRIES)
    flushes = server.counter(_FLUSHES)
    done = caller.ask(
        how=how,
        operation=operation,
        in_flight=IN_FLIGHT,
        seconds=plan.phase_seconds,
        calls=int(plan.phase_seconds * _MOST_A_SECOND),
    )
    server.settle()
    used = server.cpu().since(before)
    calls = done["calls"]
    if done["failed"] or not calls:
        raise BenchFailed(f"calls failed while the {how} client was measured")
    flushes, entries = server.counter(_FLUSHES) - flushes, server.counter(_ENTRIES) - entries
    return Rate(
        calls_a_second=calls / done["elapsed"],
        vault_us=used.process / calls * 1e6,
        loop_us=used.threads["loop"] / calls * 1e6,
        caller_us=done["cpu"] / calls * 1e6,
        calls_a_flush=entries / max(flushes, 1.0),
    )


def _compared(operation: Operation, plain: Sequence[Rate], batching: Sequence[Rate]) -> Compared:
    ratios = [b.calls_a_second / a.calls_a_second for a, b in zip(plain, batching, strict=True)]
    return Compared(operation, _middle(plain), _middle(batching), median(ratios))


def _middle(rates: Sequence[Rate]) -> Rate:
    names = Rate.__slots__
    return Rate(**{name: median([getattr(each, name) for each in rates]) for name in names})


def table(results: Sequence[Compared]) -> str:
    """Return the rates as a table of Markdown, against the bar."""
    said = (
        f"{IN_FLIGHT} calls in flight from one process, SQLite. CPU in µs a call: the vault's, its"
        " event loop thread's alone, and the caller's; a flush is what the vault commits at once."
    )
    judged = f"to plain, at least {BAR:.0f} x"
    lines = [
        said,
        "",
        f"| operation | client | calls/s | vault | its loop | caller | calls a flush | {judged} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in results:
        verdict = f"{each.ratio:.2f} x{'' if each.held else ' MISSED'}"
        for name, rate, said in (("plain", each.plain, ""), ("batching", each.batching, verdict)):
            lines.append(
                f"| {each.operation} | {name} | {rate.calls_a_second:,.0f} | {rate.vault_us:.0f} |"
                f" {rate.loop_us:.0f} |"
                f" {rate.caller_us:.0f} | {rate.calls_a_flush:.1f} | {said} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="on the disk to be measured")
    parser.add_argument("--seconds", type=float, default=FULL.phase_seconds)
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument("--cards", type=int, default=2_000)
    parser.add_argument("--batches", type=int, help="under way at once")
    parser.add_argument("--batch-calls", type=int, help="in one batch, at most")
    options = parser.parse_args()
    plan = replace(
        FULL, rounds=options.rounds, phase_seconds=options.seconds, fill_cards=options.cards
    )
    given = {"--batches": options.batches, "--batch-calls": options.batch_calls}
    more = [word for name, value in given.items() if value for word in (name, str(value))]
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        work = Path(name)
        with STORES["sqlite"](work) as store:
            sys.stdout.write(table(measured_client(plan, work, store, more)) + "\n")


_FLUSHES: Final = "cardvault_ledger_flushes_total"
_ENTRIES: Final = "cardvault_ledger_entries_total"


if __name__ == "__main__":
    main()
