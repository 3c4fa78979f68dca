"""Print what a call costs as a vault on SQLite grows, and the memory it takes.

    python -m tests.bench.growth_bench [--cards 10000 100000 1000000] [--directory DIR]

In a process of its own, without RPC: the ledger with its real events over a database on disk, which
is filled in flushes of a thousand cards. At each size 64 calls are in flight at a time, as many
rounds of each operation: every number, customer and request id is new, reveals are of random cards
of the whole vault. CPU is the process's, the writer's thread and checkpoints included; latency is a
call's own. Memory is what the process holds, the pages of its SQLite connections among it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import apsw

from chassis.events.ports import Lease
from chassis.runtime import run
from tests.bench.stats import latency_of
from tests.doubles.vault_ledger import CHAIN, WarmKeyring, add, card_of, kinds, reveal
from vault.adapters.engine import Engine
from vault.adapters.sqlite.open import open_sqlite
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome
from vault.rpc.events_out import encode_event
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger

SIZES: Final = (10_000, 100_000, 1_000_000)
QUICK_SIZES: Final = (1_000, 2_000, 4_000)
IN_FLIGHT: Final = 64
ROUNDS: Final = 40
_FILL: Final = 1_000
_EVENTS: Final = 500  # as many as the relay reads at a time
_KEPT: Final = 100_000  # tokens, about, that reveals are drawn from: spread over all
_MODULE: Final = "tests.bench.growth_bench"
_MEGA: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Grown:
    """One size: CPU in microseconds a call, latency in milliseconds, sizes in bytes."""

    cards: int
    tokenize_us: float
    tokenize_p99: float
    reveal_us: float
    reveal_p99: float
    memory: int
    database: int
    fill_s: float


@dataclass(slots=True)
class _Vault:
    """The vault that grows."""

    ledger: GroupCommitLedger
    engine: Engine
    tokens: list[str] = field(default_factory=list)
    made: int = 0

    def new(self, many: int) -> list[Entry]:
        """Return the entries of cards that nobody has stored."""
        numbers = range(self.made, self.made + many)
        self.made += many
        return [
            add(number, customer=f"customer-{number}", request_id=_DRAW.randbytes(16).hex())
            for number in numbers
        ]

    def drawn(self) -> list[Entry]:
        """Return the entries of reveals, of cards anywhere in the vault."""
        return [reveal(token) for token in _DRAW.choices(self.tokens, k=IN_FLIGHT)]

    async def grow(self, cards: int) -> None:
        """Store cards until there are so many; a part of their tokens is kept."""
        kept = max(1, cards // _KEPT)
        while self.made < cards:
            found = await self.ledger.apply(self.new(min(_FILL, cards - self.made)))
            if set(kinds(found)) != {"Applied"}:
                raise AssertionError("every card is stored")
            self.tokens += [card_of(outcome).token for outcome in found[::kept]]
            await self.deliver()

    async def deliver(self) -> None:
        """Take the events out of the outbox, as a relay would."""
        outbox, lease = self.engine.outbox, Lease(0, 1)
        while rows := await outbox.pending(lease, _EVENTS):
            await outbox.delivered(lease, rows)


_DRAW: Final = random.Random(1)


def measure(sizes: Sequence[int], directory: Path) -> list[Grown]:
    """Measure all sizes, one after another, in a process of its own."""
    command = [sys.executable, "-m", _MODULE, "--json", "--directory", str(directory)]
    command += ["--cards", *map(str, sizes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [Grown(**each) for each in json.loads(done.stdout)]


async def grown(sizes: Sequence[int], directory: Path) -> list[Grown]:
    """Fill and measure in this process."""
    path = directory / "vault.db"
    found: list[Grown] = []
    async with open_sqlite(path) as engine, asyncio.TaskGroup() as tasks:
        ledger = GroupCommitLedger(
            store=engine.store,
            reader=engine.reader,
            keyring=WarmKeyring(),
            decider=Decider(encode_event),
            chain=CHAIN,
            now_us=lambda: time.time_ns() // 1_000,
        )
        tasks.create_task(ledger.run())
        vault = _Vault(ledger, engine)
        for cards in sizes:
            began = time.perf_counter()
            await vault.grow(cards)
            filled, size = time.perf_counter() - began, _size(path)
            gc.collect()
            tokenize = await _measured(vault, lambda: vault.new(IN_FLIGHT))
            revealed = await _measured(vault, vault.drawn)
            found.append(Grown(cards, *tokenize, *revealed, _memory(), size, filled))
        ledger.close()
    return found


async def _measured(vault: _Vault, make: Callable[[], list[Entry]]) -> tuple[float, float]:
    """Return the CPU time of a call, in microseconds, and the 99th percentile of its latency."""
    cpu, latencies = 0.0, []

    async def call(entry: Entry) -> list[Outcome]:
        began = time.perf_counter()
        outcomes = await vault.ledger.apply([entry])
        latencies.append(time.perf_counter() - began)
        return list(outcomes)

    for _ in range(ROUNDS):
        entries = make()
        began = time.process_time()
        answers = await asyncio.gather(*[call(entry) for entry in entries])
        await vault.deliver()
        cpu += time.process_time() - began
        if {kind for answer in answers for kind in kinds(answer)} != {"Applied"}:
            raise AssertionError("every call is answered")
    return cpu / (ROUNDS * IN_FLIGHT) * 1e6, latency_of(latencies).p99


def _size(path: Path) -> int:
    """Return the database's size, with what is still in its log."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(db.pragma("page_count")) * int(db.pragma("page_size"))
    finally:
        db.close()


def _memory() -> int:
    """Return what this process holds now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def table(found: Sequence[Grown]) -> str:
    """Return the sizes as a table of Markdown."""
    heads = "cards, Tokenize CPU µs, p99 ms, reveal CPU µs, p99 ms, memory MB, database MB"
    lines = [
        f"| {heads.replace(',', ' |')} | bytes a card | filled in, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.cards:,} | {each.tokenize_us:.0f} | {each.tokenize_p99:.1f} |"
        f" {each.reveal_us:.0f} | {each.reveal_p99:.1f} | {each.memory / _MEGA:.0f} |"
        f" {each.database / _MEGA:.0f} | {each.database / each.cards:,.0f} | {each.fill_s:.0f} |"
        for each in found
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog=_MODULE, description=__doc__)
    parser.add_argument("--cards", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="cardvault-growth-", dir=options.directory) as made:
        found = run(grown(options.cards, Path(made)))
    told = json.dumps([asdict(each) for each in found]) if options.json else table(found)
    sys.stdout.write(told + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
