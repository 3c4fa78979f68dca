"""The part "flips" of the proof: one bit after another, in database, log and audit."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from tests.flips.batch import MOST, Tally, run_batch
from tests.flips.places import Mode
from tests.proof.report import Row
from tools.running.guardian import end_with

_CHUNK: Final = 500
_SIDE_BY_SIDE: Final = 2
_DONE: Final = {
    Mode.CLOSED: (
        "one bit of the database file of a stopped vault is flipped: anywhere, or aimed at every"
        " column of every table and index and every part of each sealed blob; then the audit is"
        " verified, the vault started, and every version of every card revealed"
    ),
    Mode.LOG: (
        "one bit of the write-ahead log of a killed vault is flipped, anywhere; then the audit is"
        " verified with a checkpoint kept elsewhere, the vault started, and every card revealed"
    ),
    Mode.RUNNING: (
        "one bit of database or log is flipped under a running vault; then every card is revealed,"
        " the vault stopped and the audit verified"
    ),
}
_HOLDS: Final = {
    Mode.CLOSED: (
        "no other number, expiry or name than the card's, none of another card, tenant or version;"
        " Tokenize returns no other card; a hit sealed field is DATA_LOSS for its card alone; a hit"
        " audit record, checkpoint or chain head is named by `audit verify`; any other column that"
        " can't be what was stored is DATA_LOSS too, for its card alone; no number in a"
        " refusal, exception or log"
    ),
    Mode.LOG: (
        "what is left is one moment of the past, whole: no wrong number; that writes are gone is"
        " told by `audit verify --checkpoint`"
    ),
    Mode.RUNNING: (
        "no other number than the card's; a hit audit row is named, unless its page was written"
        " again from memory"
    ),
}


def prove(seed: int, volume: int, scratch: Path, say: Callable[[str], None]) -> list[Row]:
    """Flip `volume` bits on both cores; end early where too much is wrong."""
    tally, crashed = Tally(), ""
    chunks = [range(at, min(at + _CHUNK, volume)) for at in range(0, volume, _CHUNK)]
    context = multiprocessing.get_context("spawn")
    told = time.monotonic()
    with ProcessPoolExecutor(
        _SIDE_BY_SIDE, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        running = [pool.submit(run_batch, str(seed), chunk, scratch) for chunk in chunks]
        try:
            for done in as_completed(running):
                tally.add(done.result())
                if time.monotonic() - told > 60:
                    told = time.monotonic()
                    say(f"{tally.flips.total():,} of {volume:,} bits, {tally.broken} violations")
                if tally.broken >= MOST:
                    break
        except BrokenProcessPool:
            crashed = "a flipped bit has crashed the interpreter"
        pool.shutdown(cancel_futures=True)
    return rows_of(tally, crashed)


def rows_of(tally: Tally, crashed: str = "") -> list[Row]:
    """Return the page's rows: one for each way of flipping."""
    rows = []
    for mode in Mode:
        violations = tally.violations.get(mode, [])[:MOST]
        if crashed and mode is Mode.CLOSED:
            violations.insert(0, crashed)
        rows.append(
            Row(
                fault=f"A flipped bit: {mode}",
                done=_DONE[mode],
                counts={
                    "flips": tally.flips[mode],
                    "in sealed fields": tally.sealed[mode],
                    "in the audit": tally.audit[mode],
                    "numbers revealed and compared": tally.revealed[mode],
                },
                holds=_HOLDS[mode],
                found=_found(tally, mode),
                violations=tuple(violations[:MOST]),
            )
        )
    return rows


def _found(tally: Tally, mode: Mode) -> str:
    shown = [(count, name) for (of, name), count in tally.classes.items() if of is mode]
    return "; ".join(f"{name}: {count}" for count, name in sorted(shown, reverse=True))
