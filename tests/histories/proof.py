"""Histories at volume: concurrent clients on real vaults; an order of each card's calls is sought.

`volume` counts operations. Both cores are used; each world is small and has a seed of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

from tests.histories.grounds import GROUNDS, Played, play
from tests.histories.planting import Caught, planted
from tests.histories.plants import Plant
from tests.histories.plants_answers import PLANTS
from tests.histories.shared import POSTGRES, PROCESSES, play_postgres, play_processes
from tests.parts.servers.postgres import PostgresServer, postgres_server
from tests.proof.parts import Say
from tests.proof.report import Row
from tools.running.guardian import end_with

# Hundredths of the volume: processes and servers take longer, and are the real thing.
SHARES: Final[Mapping[str, int]] = {
    PROCESSES: 1,
    POSTGRES: 5,
    "SQLite, one vault": 18,
    "memory, two vaults and a cache": 21,
    "memory, two vaults": 25,
    "memory, one vault": 30,
}
_WORLD: Final[Mapping[str, int]] = {PROCESSES: 5_000, POSTGRES: 10_000}
_SMALL_WORLD: Final = 4_000  # the store in memory looks through all it has
_GROUNDS: Final = {ground.name: ground for ground in GROUNDS}
_MOST_VIOLATIONS: Final = 20
_SAY_S: Final = 60.0
_HOLDS: Final = (
    "of every card's calls there is one order, in which a call that was answered before another was"
    " asked comes first, that explains every answer: contents, status, revision and versions"
)


class World(NamedTuple):
    """One world to play in: where, how long, and which database."""

    ground: str
    seed: str
    operations: int
    dsn: str = ""


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Play so many operations in all, and show that the checker sees what it is for."""
    done: dict[str, Played] = defaultdict(Played)
    # Not forked: this process may have threads and an event loop.
    context = multiprocessing.get_context("spawn")
    with (
        postgres_server() as postgres,
        ProcessPoolExecutor(
            2, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
        ) as pool,
    ):
        running: dict[Future[Played], World] = {
            pool.submit(_play, world, scratch / world.seed.replace("/", "-")): world
            for world in _worlds(seed, volume, postgres)
        }
        said = time.monotonic()
        for future in as_completed(running):
            world = running[future]
            done[world.ground].add(future.result())
            if time.monotonic() > said + _SAY_S:
                said = time.monotonic()
                say(f"{sum(played.operations for played in done.values()):,} operations")
            if done[world.ground].found:
                say(f"{world.seed}: {done[world.ground].found[0]}")
                pool.shutdown(cancel_futures=True)
                break
        caught = [(kind, asyncio.run(planted(kind, str(seed)))) for kind in PLANTS]
    return [*(row_of(name, done[name]) for name in SHARES if name in done), row_of_plants(caught)]


def _worlds(seed: int, volume: int, postgres: PostgresServer) -> Iterator[World]:
    for ground, share in SHARES.items():
        operations = ceil(volume * share / 100)
        worlds = ceil(operations / _WORLD.get(ground, _SMALL_WORLD))
        for at in range(worlds):
            dsn = asyncio.run(postgres.database()) if ground == POSTGRES else ""
            yield World(ground, f"{seed}/{ground}/{at}", ceil(operations / worlds), dsn)


def _play(world: World, place: Path) -> Played:
    place.mkdir()
    if world.ground == PROCESSES:
        return asyncio.run(play_processes(world.seed, world.operations, place))
    if world.ground == POSTGRES:
        return asyncio.run(play_postgres(world.seed, world.operations, world.dsn))
    return asyncio.run(play(_GROUNDS[world.ground], world.seed, world.operations, place))


def row_of(ground: str, played: Played) -> Row:
    """Return what came of a ground."""
    met = ", ".join(f"{count:,} {name}" for name, count in sorted(played.met.items()))
    return Row(
        fault=f"Concurrent calls about one card, {ground}",
        done="five clients ask at once for everything about a card: store it, change it at, or"
        f" behind, a revision, set its status, delete, bring back, read, list, reveal; met: {met}",
        counts={"operations": played.operations, "cards": played.cards},
        holds=_HOLDS,
        found=f"{played.cards:,} histories, an order for each",
        violations=tuple(played.found[:_MOST_VIOLATIONS]),
    )


def row_of_plants(caught: list[tuple[type[Plant], Caught]]) -> Row:
    """Return whether each planted fault was seen for what it is."""
    missed = [kind for kind, found in caught if not found.by(kind)]
    return Row(
        fault="The checker of histories: planted faults",
        done="; ".join(kind.fault for kind, _found in caught),
        counts={"planted faults": len(caught)},
        holds="each is caught, and given a name that fits",
        found=f"{len(caught) - len(missed)} caught",
        violations=tuple(f"not caught: {kind.fault}" for kind in missed),
    )
