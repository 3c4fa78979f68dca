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
from typing import Final, NamedTuple

from tests.proof.parts import Say
from tests.proof.report import Row, with_shortfall
from tests.timejumps.faked import LIBRARY, SETTINGS, Faked, set_clocks
from tests.timejumps.faked_updater import FakedUpdater, set_updaters_clock
from tests.timejumps.pauses import pause_a_database, pause_a_vault, pause_relays
from tests.timejumps.pausing import LONGEST_S, Paused
from tests.timejumps.pausing_neighbours import pause_redis, pause_the_key_service
from tests.timejumps.pausing_updaters import pause_updaters
from tests.timejumps.trials import Jumped, run_many
from tools.running.guardian import end_with

_TRIALS_EACH: Final = 25  # of a fake clock, some fifteen jumps in each
_SHARE_SET: Final = 0.4  # of the volume: jumps of a vault's clock
_SHARE_UPDATER: Final = 0.15  # of an updater's, which take longer: so all last as long
_AT_ONCE: Final = 3  # parts that are paused: each brings load and servers of its own
_FEWEST: Final = 3
Pause = Callable[[str, int, float, Path], Paused]


class Part(NamedTuple):
    """A part that is stopped, by `pause`, and what must hold."""

    name: str
    pause: Pause
    holds: str


_PARTS: Final[Sequence[Part]] = (
    Part(
        "PostgreSQL, and vaults that share it",
        pause_a_database,
        "who wakes goes on, or finds its chain ended and ends (exit 70), for a supervisor to start"
        " again; nothing acknowledged is lost or done twice, no chain of the audit forks",
    ),
    Part(
        "updaters that share a database",
        pause_updaters,
        "its leases are others' by then, and what it had begun is refused; each question is asked"
        " once, each answer applied once and on record, every card ends with the newest number",
    ),
    Part(
        "event relays, and their Kafka broker",
        pause_relays,
        "who wakes finds itself fenced; no event is lost, made up or out of order",
    ),
    Part(
        "a vault on SQLite",
        pause_a_vault,
        "it goes on: nothing acknowledged is lost or done twice, the audit verifies",
    ),
    Part(
        "Redis, with security codes and masked cards",
        pause_redis,
        "masked reads, reveals and changes succeed, all of them; calls with security codes are"
        " UNAVAILABLE with RetryInfo; no code is given twice; 10 s after it goes on all works",
    ),
    Part(
        "the key service",
        pause_the_key_service,
        "who has keys notices nothing, who has none is told UNAVAILABLE with RetryInfo; 10 s after"
        " it goes on all works",
    ),
)


def prove(
    seed: int, volume: int, scratch: Path, say: Say, longest_s: float = LONGEST_S
) -> list[Row]:
    """Set clocks and pause parts, `volume` times in all; what only waits runs side by side."""
    jumped = run_many(f"{seed}/jumps", volume * _TRIALS_EACH)
    rows = [row_of_jumps(jumped, volume)]
    say(f"{jumped.jumps:,} jumps of a fake clock, {len(jumped.found)} violations")
    there = LIBRARY.exists()
    settings = ceil(volume * _SHARE_SET) if there else 0
    updaters = ceil(volume * _SHARE_UPDATER) if there else 0
    pauses = max(_FEWEST, ceil((volume - settings - updaters) / len(_PARTS)))
    context = multiprocessing.get_context("spawn")  # this process may have threads
    with ProcessPoolExecutor(
        2 + _AT_ONCE, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        vault = pool.submit(_set, f"{seed}/set", settings, scratch) if there else None
        updater = (
            pool.submit(_set_updaters, f"{seed}/updater", updaters, scratch) if there else None
        )
        pausing: list[Future[Paused]] = [
            pool.submit(_pause, at, f"{seed}/pauses/{at}", pauses, longest_s, scratch)
            for at in range(len(_PARTS))
        ]
        for part, future in zip(_PARTS, pausing, strict=True):
            paused = future.result()
            say(f"{part.name}: {dict(paused.pauses)}, {len(paused.found)} violations")
            rows.append(row_of_pauses(part, paused, pauses))
        rows.insert(1, row_of_clocks(vault.result() if vault else None, settings))
        rows.insert(2, row_of_updaters(updater.result() if updater else None, updaters))
    return rows


def _set(seed: str, jumps: int, scratch: Path) -> Faked:
    place = scratch / "set"
    place.mkdir()
    return asyncio.run(set_clocks(seed, jumps, place))


def _set_updaters(seed: str, jumps: int, scratch: Path) -> FakedUpdater:
    place = scratch / "set-updaters"
    place.mkdir()
    return asyncio.run(set_updaters_clock(seed, jumps, place))


def _pause(at: int, seed: str, pauses: int, longest_s: float, scratch: Path) -> Paused:
    place = scratch / f"pauses-{at}"
    place.mkdir()
    return _PARTS[at].pause(seed, pauses, longest_s, place)


def row_of_jumps(jumped: Jumped, least: int) -> Row:
    """Return what came of the jumps of a fake clock, of which there had to be so many."""
    met = ", ".join(f"{count:,} {name}" for name, count in sorted(jumped.met.items()))
    return Row(
        fault="The wall clock is set wrong, and right again (a fake clock)",
        done="between calls and in the middle of flushes and sweeps, by an hour, a day or a year,"
        f" forward or back, or by a second, as at a leap second; restarts meanwhile; met: {met}",
        counts={"jumps": jumped.jumps, "histories": jumped.trials},
        holds="nothing is purged before its time has really passed, and all of it then; no key"
        " serves beyond its hour and no security code beyond its minutes; a request id sent again"
        " within a day takes effect once; ids are unique; the audit and its checkpoints hold"
        " together. Not covered: a start while the clock is ahead, behind a checkpoint of then;"
        " times to live and graces given while it is behind, which count from the wrong time once"
        " the right one has stood for a day; and another process, or a new one, that has only the"
        " right time",
        found=f"{jumped.jumps:,} jumps, {len(jumped.found)} violations",
        violations=with_shortfall(jumped.found, (jumped.jumps, least, "jumps")),
    )


def row_of_clocks(faked: Faked | None, least: int) -> Row:
    """Return what came of a vault's clock, set so often at least."""
    fault = "The wall clock of a serving vault is set wrong, and right again (libfaketime)"
    if faked is None:
        return _not_done(fault)
    refused = faked.met["refused at the door"]
    knocks = refused + faked.met["served"]
    jumps = knocks // 2
    return Row(
        fault=fault,
        done="under four clients, its sweeper at work each second: by an hour, a day or a year,"
        " or back, a leap second, 29 and 31 days; at each, new connections with a certificate that"
        " is, or is not, valid by that clock",
        counts={
            "jumps": jumps,
            "acknowledged calls": faked.history.acknowledged(),
            "new connections refused": refused,
            "calls refused on open ones": faked.met["calls refused on open connections"],
            "undeletes refused, the grace being over by that clock": faked.met[
                "graces over by that clock"
            ],
        },
        holds="a certificate that is not valid yet, or no more, opens nothing; nothing acknowledged"
        " is lost, purged or forgotten; the audit verifies",
        found=f"{refused} of {knocks} new connections refused",
        violations=with_shortfall(
            faked.found,
            (jumps, least, "jumps"),
            (refused, least // len(SETTINGS), "new connections refused"),
        ),
    )


def row_of_updaters(faked: FakedUpdater | None, least: int) -> Row:
    """Return what came of an updater's clock, set so often at least."""
    fault = "The wall clock of a serving updater is set wrong, and right again (libfaketime)"
    if faked is None:
        return _not_done(fault)
    return Row(
        fault=fault,
        done="by an hour, a day or a year, or back, a leap second, 29 and 31 days; it looks for due"
        " cards each second and for files five times; connections to the vault last 2 s",
        counts={
            "jumps": faked.met["jumps"],
            "cards asked about": faked.met["cards"],
            "times a certificate was not valid by its clock": faked.met["times without trust"],
        },
        holds="no file is deleted, no inquiry given up, no card asked about again before its time;"
        " it does not speak to a vault whose certificate is not valid by its clock; all goes on"
        " when the time is right again",
        found="what came while it trusted nobody was asked about when the time was right",
        violations=with_shortfall(
            faked.found,
            (faked.met["jumps"], least, "jumps"),
            (faked.met["times without trust"], least // len(SETTINGS), "times without trust"),
        ),
    )


def _not_done(fault: str) -> Row:
    missing = "libfaketime is not installed (Debian's package of that name)"
    return Row(fault, "not done", {"jumps": 0}, "not shown", missing, (missing,))


def row_of_pauses(part: Part, paused: Paused, least: int) -> Row:
    """Return what came of a part's pauses, so many at least."""
    spread = ", ".join(f"{count} of {name}" for name, count in paused.pauses.items())
    counts = {"pauses": paused.pauses.total()}
    told = {
        "acknowledged calls": paused.acknowledged,
        "in doubt for good": paused.in_doubt,
        "calls refused as documented": paused.refused.total(),
        "found itself fenced, and ended": paused.fenced,
        "events": paused.events,
        "events delivered again": paused.again,
    }
    counts |= {what: count for what, count in told.items() if count} | paused.counts
    return Row(
        fault=f"Stopped for a while (SIGSTOP): {part.name}",
        done=f"under load: {spread}",
        counts=counts,
        holds=part.holds,
        found=f"pauses of {min(paused.seconds):.0f} to {max(paused.seconds):.0f} s,"
        f" {sum(paused.seconds):.0f} s in all",
        violations=with_shortfall(paused.found, (paused.pauses.total(), least, "pauses")),
    )
