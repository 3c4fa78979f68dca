"""Time at volume: clocks that jump, and parts that are stopped for a while.

`volume` counts jumps of a real vault's clock and pauses of real parts; of the jumps of a fake
clock, which cost next to nothing, there are hundreds of times as many.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from math import ceil
from pathlib import Path
from typing import Final

from tests.proof.parts import Say
from tests.proof.report import Row
from tests.timejumps.faked import LIBRARY, Faked, set_clocks
from tests.timejumps.pauses import (
    LONGEST_S,
    Paused,
    pause_a_database,
    pause_a_vault,
    pause_relays,
)
from tests.timejumps.trials import Jumped, run_many
from tools.running.guardian import end_with

_TRIALS_EACH: Final = 25  # of a fake clock, some fifteen jumps in each
_SHARE_SET: Final = 0.55  # of the volume: so both take as long, side by side
_MOST_VIOLATIONS: Final = 20
_FEWEST: Final = 3
Pause = Callable[[str, int, float, Path], Paused]
_PARTS: Final[Sequence[tuple[str, Pause]]] = (
    ("a vault on SQLite", pause_a_vault),
    ("PostgreSQL, and vaults that share it", pause_a_database),
    ("event relays, and their Kafka broker", pause_relays),
)


def prove(
    seed: int, volume: int, scratch: Path, say: Say, longest_s: float = LONGEST_S
) -> list[Row]:
    """Set clocks and pause parts, `volume` times in all; what only waits runs side by side."""
    jumped = run_many(f"{seed}/jumps", volume * _TRIALS_EACH)
    rows = [row_of_jumps(jumped)]
    say(f"{jumped.jumps:,} jumps of a fake clock, {len(jumped.found)} violations")
    settings = ceil(volume * _SHARE_SET) if LIBRARY.exists() else 0
    pauses = max(_FEWEST, ceil((volume - settings) / len(_PARTS)))
    context = multiprocessing.get_context("spawn")  # this process may have threads
    with ProcessPoolExecutor(
        1 + len(_PARTS), mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        setting = pool.submit(_set, f"{seed}/set", settings, scratch) if settings else None
        pausing: list[Future[Paused]] = [
            pool.submit(_pause, at, f"{seed}/pauses/{at}", pauses, longest_s, scratch)
            for at in range(len(_PARTS))
        ]
        for (name, _part), future in zip(_PARTS, pausing, strict=True):
            paused = future.result()
            say(f"{name}: {dict(paused.pauses)}, {len(paused.found)} violations")
            rows.append(row_of_pauses(name, paused))
        rows.insert(1, row_of_clocks(setting.result() if setting else None))
    return rows


def _set(seed: str, jumps: int, scratch: Path) -> Faked:
    place = scratch / "set"
    place.mkdir()
    return asyncio.run(set_clocks(seed, jumps, place))


def _pause(at: int, seed: str, pauses: int, longest_s: float, scratch: Path) -> Paused:
    place = scratch / f"pauses-{at}"
    place.mkdir()
    return _PARTS[at][1](seed, pauses, longest_s, place)


def row_of_jumps(jumped: Jumped) -> Row:
    """Return what came of the jumps of a fake clock."""
    met = ", ".join(f"{count:,} {name}" for name, count in sorted(jumped.met.items()))
    return Row(
        fault="The wall clock is set wrong, and right again (a fake clock)",
        done="between calls and in the middle of flushes and sweeps, by an hour, a day or a year,"
        f" forward or back, or by a second, as at a leap second; restarts meanwhile; met: {met}",
        counts={"jumps": jumped.jumps, "histories": jumped.trials},
        holds="nothing is purged before its time has really passed, and all of it then; no key"
        " serves beyond its hour and no security code beyond its minutes; a request id sent again"
        " within a day takes effect once; ids are unique; the audit and its checkpoints hold"
        " together. Not covered: a process that is started while the clock is ahead, and what is"
        " stored while it is behind, whose times are taken from it",
        found=f"{jumped.jumps:,} jumps, {len(jumped.found)} violations",
        violations=tuple(jumped.found[:_MOST_VIOLATIONS]),
    )


def row_of_clocks(faked: Faked | None) -> Row:
    """Return what came of a real process's clock."""
    fault = "The wall clock of a serving vault is set wrong, and right again (libfaketime)"
    if faked is None:
        missing = "libfaketime is not installed (Debian's package of that name)"
        return Row(fault, "not done", {"jumps": 0}, "not shown", missing, (missing,))
    refused = faked.met["refused at the door"]
    knocks = refused + faked.met["served"]
    return Row(
        fault=fault,
        done="under four clients, its sweeper at work each second: by an hour, a day or a year,"
        " or back, a leap second, 29 and 31 days; at each, new connections with a certificate that"
        " is, or is not, valid by that clock",
        counts={
            "jumps": knocks // 2,
            "acknowledged calls": faked.history.acknowledged(),
            "new connections refused": refused,
            "calls refused on open ones": faked.met["calls refused on open connections"],
        },
        holds="a certificate that is not valid yet, or no more, opens nothing; nothing acknowledged"
        " is lost, purged or forgotten; the audit verifies",
        found=f"{refused} of {knocks} new connections refused",
        violations=tuple(faked.found[:_MOST_VIOLATIONS]),
    )


def row_of_pauses(name: str, paused: Paused) -> Row:
    """Return what came of a part's pauses."""
    spread = ", ".join(f"{count} of {part}" for part, count in paused.pauses.items())
    counts = {"pauses": paused.pauses.total()}
    if paused.acknowledged:
        counts |= {"acknowledged calls": paused.acknowledged, "in doubt for good": paused.in_doubt}
    else:
        counts |= {"events": paused.events, "events delivered again": paused.again}
    return Row(
        fault=f"Stopped for a while (SIGSTOP): {name}",
        done=f"under load: {spread}",
        counts=counts,
        holds="who wakes finds itself fenced, or goes on: nothing acknowledged is lost or done"
        " twice, no chain of the audit forks, no event is lost, made up or out of order",
        found=f"pauses of {min(paused.seconds):.0f} to {max(paused.seconds):.0f} s,"
        f" {sum(paused.seconds):.0f} s in all",
        violations=tuple(paused.found[:_MOST_VIOLATIONS]),
    )
