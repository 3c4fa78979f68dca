"""Prove what power cuts and failing disks leave of the embedded store: the part `power`."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.power.cuts import Cutter, Tally, planned
from tests.power.failing import fail
from tests.power.filling import fill
from tests.power.nth import Found
from tests.power.recording import record
from tests.power.small_disk import SIZE_MIB, Filled, in_small_disk
from tests.power.tables import TABLES
from tests.proof.report import Row, with_shortfall
from tools.running.guardian import end_with

HANDS: Final = 2
IMAGES_AN_OPERATION: Final = 5  # 10,000 images of a script of 2,000
ROUNDS: Final = 50  # of a real disk, filled and freed
_LARGE: Final = 2_000  # images: from there on, a second process pays
_WHOLE: Final = 400  # operations: as many write to every table
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - images are read again at once, and never matter
_MINUTE: Final = 60.0

Say = Callable[[str], None]


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Cut the power so that `volume` images are left; fail the disk of as long a script."""
    operations = max(40, volume // IMAGES_AN_OPERATION)
    if volume < _LARGE:
        operations = min(operations, 40)
        tally = _cut(f"{seed}", operations, volume, scratch, 0, 1)
        filled, failed = _ends(f"{seed}", 20, scratch)
    else:
        tally, filled, failed = _side_by_side(f"{seed}", operations, volume, scratch, say)
    rounds = ROUNDS if volume >= _LARGE else 2
    small = in_small_disk(f"{seed}", rounds, scratch / "small")
    return [
        cuts_row(tally, operations, volume),
        _full_row(filled),
        small_row(small, rounds, volume),
        _failed_row(failed),
    ]


def _side_by_side(
    seed: str, operations: int, images: int, scratch: Path, say: Say
) -> tuple[Tally, Found, Found]:
    # Not forked: this process may have threads and an event loop.
    context = multiprocessing.get_context("spawn")
    tally, filled, failed = Tally(), Found(), Found()
    with ProcessPoolExecutor(
        HANDS, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        cuts = [
            pool.submit(_cut, seed, operations, images, scratch, hand, HANDS)
            for hand in range(HANDS)
        ]
        _wait(cuts, scratch, say, f"images of a script of {operations:,} operations")
        for cut in cuts:
            tally.add(cut.result())
        share = -(-operations // HANDS)
        ends = [pool.submit(_ends, f"{seed}/{hand}", share, scratch, hand) for hand in range(HANDS)]
        _wait(ends, scratch, say, "full disks and I/O errors")
        for end in ends:
            one, other = end.result()
            filled.add(one)
            failed.add(other)
    return tally, filled, failed


def _wait(running: list[Future[Any]], scratch: Path, say: Say, what: str) -> None:
    """Wait for all, and tell once a minute how far they are."""
    left = set(running)
    while left:
        _done, left = wait(left, timeout=_MINUTE)
        so_far = sum(int(file.read_text() or 0) for file in scratch.glob("*.so_far"))
        say(f"{so_far:,} {what}")


@contextmanager
def _place(scratch: Path) -> Iterator[Path]:
    """Return a directory in memory, where there is one: what is judged are bytes from a log."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else scratch
    with tempfile.TemporaryDirectory(prefix="cardvault-power-", dir=parent) as directory:
        yield Path(directory)


def _progress(scratch: Path, hand: int) -> Callable[[int], None]:
    file = scratch / f"hand-{hand}.so_far"

    def note(done: int) -> None:
        if done % 100 == 0:
            file.write_text(f"{done}")

    return note


def _cut(seed: str, operations: int, images: int, scratch: Path, hand: int, hands: int) -> Tally:
    """Make one hand's cuts. Each process does the script itself: one seed, one log."""
    with _place(scratch) as directory:
        recording = record(seed, operations, directory)
        plan = planned(recording, images)[hand::hands]
        tally = Cutter(recording, directory).run(plan, _progress(scratch, hand))
    tally.violations += recording.reference.broken * (hand == 0)
    return tally


def _ends(seed: str, operations: int, scratch: Path, hand: int = 0) -> tuple[Found, Found]:
    """Fill and fail the disk of one script."""

    async def both() -> tuple[Found, Found]:
        note = _progress(scratch, hand)
        with _place(scratch) as directory:
            filled = await fill(seed, operations, directory, note)
        with _place(scratch) as directory:
            done = filled.faults.total()
            return filled, await fail(seed, operations, directory, lambda at: note(done + at))

    return asyncio.run(both())


def cuts_row(tally: Tally, operations: int, volume: int) -> Row:
    """Return what the page says of `volume` images."""
    violations = list(tally.violations)
    if tally.covered < len(tally.syncs) and not violations:
        violations.append(f"{len(tally.syncs) - tally.covered} syncs were not cut on both sides")
    unwritten = {table.name for table in TABLES} - {"control"} - tally.tables
    if unwritten and operations >= _WHOLE:
        violations.append(f"the script never wrote to {', '.join(sorted(unwritten))}")
    cuts = ", ".join(f"{count:,} {name}" for name, count in sorted(tally.by_cut.items()))
    return Row(
        fault="A power cut under the embedded store",
        done=(
            f"A seeded script of {operations:,} operations of every kind; the files as a cut after"
            " a write, a sync or an acknowledgement leaves them: what was not synced dropped, kept,"
            " or torn at 512 B and at 4 KiB, file sizes and directory entries included; each image"
            " opened by the store's own code, restarted and written to."
        ),
        counts={
            "images": tally.images,
            "cuts": tally.cuts,
            "syncs, cut on both sides": tally.covered,
        },
        holds=(
            "Nothing acknowledged is lost, nothing is there by halves (every row of every table is"
            " as after one whole transaction), the integrity check is clean, the audit verifies up"
            " to the last signed checkpoint that was told, and the store goes on."
        ),
        found=(
            f"Of {len(tally.syncs):,} syncs {tally.covered:,} were cut before and behind; {cuts};"
            f" {tally.unacknowledged:,} images had a change that nobody had been told of yet,"
            f" {tally.rolled_back:,} were without one that had begun."
        ),
        violations=with_shortfall(violations, (tally.images, volume, "images")),
    )


def _full_row(filled: Found) -> Row:
    return Row(
        fault="A disk that fills up, and has room again",
        done=(
            f"The n-th write finds no room, for every n of every step of scripts of"
            f" {filled.operations:,} operations in all, and of the checkpoints between them."
        ),
        counts={"full disks": filled.faults.total(), "flushes refused": filled.refused},
        holds=(
            "The flush is refused whole (RESOURCE_EXHAUSTED), masked reads go on, nothing of it is"
            " there, and the same process serves the same step as soon as there is room."
        ),
        found=_struck(filled),
        violations=with_shortfall(filled.violations),
    )


def small_row(small: Filled, rounds: int, volume: int) -> Row:
    """Return what the page says of `rounds` on a real disk.

    Where nobody may mount one, a small run goes without; the proof does not.
    """
    done = f"A tmpfs of {SIZE_MIB} MiB with a vault on it, filled by another file and freed."
    violations = list(small.violations)
    if small.unable and volume >= _LARGE:
        violations.append(f"not done: {small.unable}")
    least = 0 if small.unable else rounds
    return Row(
        fault="A real full disk",
        done=small.unable or done,
        counts={"times full": small.rounds, "operations served": small.served},
        holds="As above, and the integrity check is clean each time.",
        found=f"{small.refused:,} flushes were refused, and served later.",
        violations=with_shortfall(violations, (small.rounds, least, "times full")),
    )


def _failed_row(failed: Found) -> Row:
    return Row(
        fault="A disk that fails",
        done=(
            f"The n-th write, sync or truncation fails, for every n of every step of scripts of"
            f" {failed.operations:,} operations in all, of the checkpoints between them, of closing"
            " and of making a database; then another start."
        ),
        counts={"I/O errors": failed.faults.total(), "whole comparisons": failed.compared},
        holds=(
            "The store stops and touches its files no more, nothing is acknowledged behind the"
            " fault, and the next start finds all that was acknowledged and nothing by halves."
        ),
        found=f"{_struck(failed)} {failed.there:,} flushes in doubt turned out to be written.",
        violations=with_shortfall(failed.violations),
    )


def _struck(found: Found) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(found.faults.items())) + "."
