"""Where the power is cut: at every sync, acknowledgement and change of names, and between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.power.disk import TORN, Cut, Disk, Signature
from tests.power.judge import Judge, Promised, Verdict
from tests.power.layer import UnsyncedFiles, lay
from tests.power.recording import Recording

ENOUGH: Final = 20  # violations: then it is told and done
_REMEMBERED: Final = 64


class Planned(NamedTuple):
    """A cut: behind so many lines of the log, and what it does to what is not synced."""

    at: int
    cut: Cut


@dataclass
class Tally:
    """What was done, and what was found."""

    cuts: int = 0
    images: int = 0
    by_cut: Counter[str] = field(default_factory=Counter)
    by_event: Counter[str] = field(default_factory=Counter)  # what came before the cut
    places: set[int] = field(default_factory=set)  # in the log, behind how many lines of it
    syncs: frozenset[int] = frozenset()  # behind as many lines comes a sync
    tables: frozenset[str] = frozenset()  # that the script wrote to
    unacknowledged: int = 0  # images with a change that nobody had been told of
    rolled_back: int = 0  # images without one that had begun
    violations: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in what another process did."""
        self.cuts += other.cuts
        self.images += other.images
        self.by_cut += other.by_cut
        self.by_event += other.by_event
        self.places |= other.places
        self.syncs |= other.syncs
        self.tables |= other.tables
        self.unacknowledged += other.unacknowledged
        self.rolled_back += other.rolled_back
        self.violations += other.violations

    @property
    def covered(self) -> int:
        """Count the syncs with a cut before and one behind."""
        return sum(at in self.places and at + 1 in self.places for at in self.syncs)


def planned(recording: Recording, images: int) -> list[Planned]:
    """Plan cuts for at least so many images: where it matters all, of the others a sample."""
    log = recording.log
    random = Random(f"{recording.seed}/cuts")
    plan: list[Planned] = []
    writes: list[int] = []
    for at in range(1, len(log) + 1):
        before = log[at - 1].what
        then = log[at].what if at < len(log) else ""
        if then == "sync":
            plan += [Planned(at, cut) for cut in Cut]
        elif before in {"create", "delete", "truncate", "begun"}:
            plan.append(Planned(at, random.choice(TORN)))
            plan.append(Planned(at, Cut.KEPT))
        elif before in {"sync", "names", "told"}:
            plan.append(Planned(at, Cut.DROPPED))
        else:
            writes.append(at)
    # What was dropped at one cut is mostly what was dropped at the one before: no new image.
    sure = sum(cut is not Cut.DROPPED for _at, cut in plan)
    wanted = min(len(writes) * 3, max(0, images + images // 20 - sure))
    drawn = random.sample([(at, cut) for at in writes for cut in (*TORN, Cut.KEPT)], wanted)
    return sorted({*plan, *[Planned(at, cut) for at, cut in drawn]})


class Cutter:
    """Follows a recording's log, and judges what cuts leave on the way."""

    def __init__(self, recording: Recording, directory: Path) -> None:
        self._recording = recording
        self._directory = directory
        self._disk = Disk()
        self._at = 0
        self._promised = Promised(0, 0, 0)
        self._known: dict[Signature, int] = {}
        self._vfs = UnsyncedFiles()
        self._judge = Judge(recording.reference, self._vfs.name)
        written = {place.table for each in recording.reference.transactions for place in each}
        self.tally = Tally(syncs=frozenset(recording.syncs), tables=frozenset(written))

    def run(self, plan: list[Planned], say: Callable[[int], None] = lambda _done: None) -> Tally:
        """Make all cuts of a plan, or as many as it takes to know."""
        with asyncio.Runner() as runner:
            for planned_cut in plan:
                self._follow(planned_cut.at)
                runner.run(self._cut(planned_cut))
                say(self.tally.images)
                if len(self.tally.violations) >= ENOUGH:
                    break
        return self.tally

    def _follow(self, until: int) -> None:
        reference = self._recording.reference
        for event in self._recording.log[self._at : until]:
            self._disk.take(event)
            acknowledged, begun, told = self._promised
            if event.what == "begun":
                begun = event.at
            elif event.what == "told":
                of = [each.transaction for each in reference.told[told : event.at]]
                acknowledged, told = max([acknowledged, *of]), event.at
            self._promised = Promised(acknowledged, max(begun, acknowledged), told)
        self._at = until

    async def _cut(self, planned_cut: Planned) -> None:
        at, cut = planned_cut
        tally = self.tally
        tally.cuts += 1
        tally.places.add(at)
        tally.by_cut[cut] += 1
        tally.by_event[self._recording.log[at - 1].what] += 1
        signature = self._disk.signature(cut)
        known = None if signature is None else self._known.get(signature)
        if known is not None and known >= self._promised.acknowledged:
            return
        verdict = await self._judged(planned_cut)
        tally.images += 1
        tally.violations += [f"{self._where(planned_cut)}: {wrong}" for wrong in verdict.wrong]
        tally.unacknowledged += verdict.transaction > self._promised.acknowledged
        tally.rolled_back += 0 <= verdict.transaction < self._promised.begun
        if signature is not None and not verdict.wrong:
            self._known[signature] = verdict.transaction
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    async def _judged(self, planned_cut: Planned) -> Verdict:
        at, cut = planned_cut
        random = Random(f"{self._recording.seed}/cut/{at}/{cut}")
        files = self._disk.image(cut, random)
        if cut.sector:  # nobody syncs it, and SQLite must not believe it
            files["shm"] = random.randbytes(32_768)
        return await self._judge.judge(lay(self._directory, "image.db", files), self._promised)

    def _where(self, planned_cut: Planned) -> str:
        at, cut = planned_cut
        event = self._recording.log[at - 1]
        return (
            f"seed {self._recording.seed}, cut behind event {at} ({event.what} {event.file}), {cut}"
        )
