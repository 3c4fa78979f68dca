"""The parts of the proof, in the order of RELIABILITY.md, each with its volume in `make proof`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast

from tests.proof.report import Row

Say = Callable[[str], None]


class Prove(Protocol):
    """Run a part: `volume` of what it counts, decided by `seed`, its files under `scratch`."""

    def __call__(self, seed: int, volume: int, scratch: Path, say: Say) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Name a part's module, which has `prove`, and say how much `make proof` does of it."""

    name: str
    module: str
    volume: int
    unit: str
    title: str

    @property
    def prove(self) -> Prove:
        """Import the part only when it is run: some need servers, some a fuzzer."""
        return cast("Prove", import_module(self.module).prove)


PARTS: Final = (
    Part("power", "tests.power.proof", 10_000, "images", "Power cuts and failing disks"),
    Part("flips", "tests.flips.proof", 20_000, "flipped bits", "Bit flips"),
    Part("kills", "tests.e2e.kills.proof", 1_000, "kills", "Killed processes"),
    Part("failovers", "tests.parts.failover.proof", 200, "faults", "Failovers of the database"),
    Part("neighbours", "tests.neighbours.proof", 200, "faults each", "Redis, KMS and Kafka"),
    Part("histories", "tests.histories.proof", 1_000_000, "operations", "Histories"),
    Part("simulation", "tests.seeds.proof", 50_000, "seeds", "Deterministic simulation"),
    Part("time", "tests.timejumps.proof", 200, "jumps and pauses", "Time"),
    Part("fuzz", "tests.fuzz.proof", 10_000_000, "executions", "Fuzzing"),
    Part("oracle", "tests.oracle.proof", 1_000_000, "answers", "The updater against the oracle"),
)
BY_NAME: Final = {part.name: part for part in PARTS}
