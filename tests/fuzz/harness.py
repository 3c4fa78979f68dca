"""One target being fed: outcomes counted, breaches noted once each, time and memory measured."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.fuzz.target import Broken, Run

MOST_CPU_S: Final = 1.0
"""What one input may take of a core: a watch would also count what other processes take."""
_MOST_FOUND: Final = 20
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_WARM: Final = 0.25
"""Of the executions: until then modules are loaded, caches filled and the corpus is gathered."""


@dataclass
class Told:
    """What came of feeding a target."""

    name: str
    wanted: int
    executions: int = 0
    seconds: float = 0.0
    cpu: float = 0.0  # of a core, in seconds
    outcomes: Counter[str] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)  # a breach, and the input's file
    resident: list[tuple[int, int]] = field(default_factory=list)  # executions, bytes

    @property
    def growth(self) -> float:
        """Return by which share memory has grown since the warm-up; 0 if that isn't known.

        From the median of the first quarter to that of the last one: a single look may meet the
        moment in which one instance replaces another.
        """
        warm = [size for at, size in self.resident if at >= self.wanted * _WARM]
        quarter = len(warm) // 4
        return max(0.0, median(warm[-quarter:]) / median(warm[:quarter]) - 1) if quarter else 0.0

    def write(self, path: Path) -> None:
        """Keep it as JSON: whole, or not at all."""
        beside = path.with_suffix(".new")
        # Not asdict: it makes a Counter of pairs.
        beside.write_text(json.dumps(vars(self)))
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> Told:
        """Return what `write` wrote."""
        fields: Mapping[str, Any] = json.loads(path.read_text())
        resident = [(at, size) for at, size in fields["resident"]]
        return cls(**{**fields, "outcomes": Counter(fields["outcomes"]), "resident": resident})


class Harness:
    """Feeds a target, as whichever engine calls it with inputs; never raises what a target does.

    `tell` hears of it now and then, and after the last input: libFuzzer ends the process itself.
    """

    def __init__(
        self,
        name: str,
        run: Run,
        wanted: int,
        keep: Path,
        tell: Callable[[Told], object] = lambda _told: None,
    ) -> None:
        self.told: Final = Told(name, wanted)
        self._run: Final = run
        self._keep: Final = keep
        self._tell: Final = tell
        self._every: Final = max(1, wanted // 40)
        self._began: Final = time.perf_counter()
        self._cpu: Final = time.process_time()

    def __call__(self, data: bytes) -> None:
        """Feed one input."""
        told = self.told
        began = time.process_time()
        try:
            told.outcomes[self._run(data)] += 1
        except Broken as broken:
            self._note(str(broken), data)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self._note(f"{type(error).__name__} at {_place(error)}", data)
        if time.process_time() - began > MOST_CPU_S:
            self._note(f"an input took more than {MOST_CPU_S} s of a core", data)
        told.executions += 1
        if told.executions % self._every == 0 or told.executions == told.wanted:
            self._look()
            self._tell(told)

    def _note(self, breach: str, data: bytes) -> None:
        found = self.told.found
        self.told.outcomes["breach"] += 1
        if breach not in found and len(found) < _MOST_FOUND:
            self._keep.mkdir(parents=True, exist_ok=True)
            path = self._keep / f"{self.told.name}-{sha256(data).hexdigest()[:12]}.bin"
            path.write_bytes(data)
            found[breach] = path.name

    def _look(self) -> None:
        told = self.told
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        told.resident.append((told.executions, pages * _PAGE))
        told.seconds = time.perf_counter() - self._began
        told.cpu = time.process_time() - self._cpu


def _place(error: Exception) -> str:
    """Return where an exception was raised: files and names, and nothing of its text.

    The deepest place in our own packages, so that one mistake is noted once.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if "/site-packages/" not in each.filename]
    last = [each for each in ours if "/lib/python" not in each.filename][-1]
    return f"{'/'.join(Path(last.filename).parts[-3:])}:{last.lineno} in {last.name}"
