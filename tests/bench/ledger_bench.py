"""Print what a card costs in the ledger and its store, in batches of 100 and without any RPC.

    python -m tests.bench.ledger_bench [--rounds 60] [--store sqlite|memory|postgres] [--profile]
        [--directory DIR] [--switch-interval SECONDS] [--cards N]

CPU is the whole process's (event loop, writer thread, checkpoints; not PostgreSQL's), a card's row
and event have realistic sizes, every number, customer and request id is new, and reveals are of
random cards. `--cards` fills the store first. The line "sealing" is the same work on every machine:
compare it before comparing anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from tests.contract.ledger_engines import ENGINES
from tests.doubles.vault_ledger import CHAIN, WarmKeyring, add, card_of, keys_of, kinds, reveal
from tests.parts.servers.postgres import postgres_server
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.crypto.blob import Place
from vault.domain.events import CardEvent, OutboxRow
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger


@asynccontextmanager
async def open_own_postgres(_directory: Path) -> AsyncIterator[Engine]:
    """Open a server of its own, synced as in production."""
    async with AsyncExitStack() as stack:
        opening = postgres_server("fsync=on", "synchronous_commit=on")
        server = await asyncio.to_thread(stack.enter_context, opening)
        async with open_postgres(Address(await server.database())) as engine:
            yield engine


STORES = {**ENGINES, "postgres": open_own_postgres}
BATCH = 100
_PAYLOAD = bytes(300)


def encode_event(event: CardEvent) -> OutboxRow:
    """Return an event of a realistic size at no cost: encoding one is measured with the RPCs."""
    card = event.card
    return OutboxRow(card.tenant, card.token, card.revision, event.type.value, _PAYLOAD)


class Timer:
    """Cost of each batch, in microseconds a card."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.wall: list[float] = []

    @contextmanager
    def batch(self) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu.append((time.process_time() - cpu) * 1e6 / BATCH)
        self.wall.append((time.perf_counter() - wall) * 1e6 / BATCH)

    def say(self, name: str) -> None:
        deciles = [statistics.quantiles(times, n=10) for times in (self.cpu, self.wall)]
        show(
            f"{name:10} CPU {statistics.median(self.cpu):6.1f} us a card"
            f" (p10 {deciles[0][0]:.1f}, mean {statistics.mean(self.cpu):.1f});"
            f" wall {statistics.median(self.wall):6.1f} (p90 {deciles[1][8]:.1f})"
        )


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


def sealing() -> float:
    """Return what sealing one record costs here, in microseconds."""
    key, place = keys_of("demo").record, Place("contents", "demo", "tok", "c", "FPAN", 1)
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(2_000):
            key.seal(bytes(64), place)
        best = min(best, time.perf_counter() - start)
    return best * 1e6 / 2_000


def new_cards(first: int) -> list[Entry]:
    numbers = range(first, first + BATCH)
    return [
        add(number, customer=f"customer-{number}", request_id=os.urandom(16).hex())
        for number in numbers
    ]


async def measured(
    ledger: GroupCommitLedger, timer: Timer, batches: int, make: Callable[[int], list[Entry]]
) -> list[Sequence[Outcome]]:
    outcomes = []
    for number in range(batches):
        entries = make(number)
        with timer.batch():
            outcomes.append(await ledger.apply(entries))
        assert kinds(outcomes[-1]) == ["Applied"] * BATCH
    return outcomes


async def main(options: argparse.Namespace) -> None:
    show(f"sealing    {sealing():.1f} us a record; Python {sys.version.split()[0]}")
    if options.switch_interval:
        sys.setswitchinterval(options.switch_interval)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        async with STORES[options.store](Path(directory)) as engine, asyncio.TaskGroup() as tasks:
            ledger = GroupCommitLedger(
                store=engine.store,
                reader=engine.reader,
                keyring=WarmKeyring(),
                decider=Decider(encode_event),
                chain=CHAIN + "_0123456789abcdefghijkl",
                now_us=lambda: time.time_ns() // 1_000,
            )
            tasks.create_task(ledger.run())
            await report(ledger, options)
            ledger.close()


async def report(ledger: GroupCommitLedger, options: argparse.Namespace) -> None:
    filling = options.cards // BATCH
    filled = await measured(ledger, Timer(), filling, lambda n: new_cards(n * BATCH))
    tokens = [card_of(outcome).token for batch in filled for outcome in batch]
    gc.collect()
    gc.freeze()  # as the server does once it serves
    profile = cProfile.Profile()
    if options.profile:
        profile.enable()
    first, rounds = filling * BATCH, options.rounds
    tokenized, revealed = Timer(), Timer()
    made = await measured(ledger, tokenized, rounds, lambda n: new_cards(first + n * BATCH))
    tokens += [card_of(outcome).token for batch in made for outcome in batch]
    draw = random.Random(1)
    await measured(
        ledger, revealed, rounds, lambda _n: [reveal(draw.choice(tokens)) for _ in range(BATCH)]
    )
    if options.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    tokenized.say("tokenize")
    revealed.say("reveal")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=60)
    arguments.add_argument("--store", choices=sorted(STORES), default="sqlite")
    arguments.add_argument("--cards", type=int, default=0)
    arguments.add_argument("--directory")
    arguments.add_argument("--switch-interval", type=float, default=0.0)
    arguments.add_argument("--profile", action="store_true")
    asyncio.run(main(arguments.parse_args()))
