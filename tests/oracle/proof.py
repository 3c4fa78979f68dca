"""The updater against the oracle, as a part of the proof; its page is `docs/proof/oracle.md`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from tests.bench.machine import this_machine
from tests.oracle.outcome import Proven
from tests.oracle.page import report, write_page
from tests.oracle.plan import Plan
from tests.oracle.run import prove as proven_by
from tests.proof.parts import BY_NAME, Say
from tests.proof.report import DIRECTORY, Row

_ANSWERS_A_KILL: Final = 25_000


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Send `volume` answers, and kill a process for each 25,000 of them."""
    machine = this_machine("python -m tests.proof oracle")
    plan = Plan(volume, seed, volume // _ANSWERS_A_KILL)
    proven = asyncio.run(proven_by(plan, scratch, say))
    for line in report(proven).splitlines():
        say(line)
    if proven.right and volume >= BY_NAME["oracle"].volume:
        write_page(DIRECTORY / "oracle.md", proven, machine)
    return [_row(proven)]


def _row(proven: Proven) -> Row:
    verdict = proven.verdict
    sent = verdict.ledgers.sent.total()
    broken = [f"{name}, {count} times" for name, count in verdict.breaches.items()]
    if proven.audit:
        broken.append(f"the audit: {proven.audit}")
    if proven.scan.found:
        broken.append(f"{proven.scan.found} card numbers on disk")
    return Row(
        fault="answers of account updaters, disturbed; processes killed",
        done="three channels, three formats: rows doubled, moved, left out, contradicted; files"
        " cut, sent again and changed; vault, updater and networks killed at random",
        counts={
            "answers": sent,
            "cards whose truth the answers determine": verdict.cards["determined"],
            "kills": sum(proven.kills.values()),
        },
        holds="each card that the answers determine equals the simulator's ledger, every other is"
        " as it was, or parked, or an exception; every answer is accounted for once",
        found=f"{proven.rate:,.0f} answers/s; see docs/proof/oracle.md",
        violations=tuple(broken[:20]),
    )
