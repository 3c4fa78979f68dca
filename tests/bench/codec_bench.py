"""Print how fast answer files are read, format by format: records a second, and the memory taken.

    python -m tests.bench.codec_bench [--megabytes 100]

A file of that size, or of the format's greatest if that is less, is made while it is read, so that
the file itself is in no number. Every record is made into what the updater works with. Each format
in a process of its own, on one core; `memory` is the most that the process held, `more` what of it
reading added to the interpreter with its modules.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO, Final, cast

from tests.doubles.long_feeds import long_answer_file, records_in
from updater.files.codec import CODECS

BAR: Final = 20_000
"""Records a second a core that a fixed-width format must reach; issue 6."""

_MODULE: Final = "tests.bench.codec_bench"
QUICK_MEGABYTES: Final = 4
FULL_MEGABYTES: Final = 100
_MEGA: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one file took. CPU time is user and system; memory is in bytes."""

    format: str
    megabytes: float
    records: int
    cpu_s: float
    memory: int
    more: int

    @property
    def rate(self) -> float:
        """Records a second of CPU time."""
        return self.records / self.cpu_s


def measure(megabytes: int) -> list[Reading]:
    """Measure every format, each in a process of its own."""
    return [_in_process(name, megabytes) for name in CODECS]


def _in_process(name: str, megabytes: int) -> Reading:
    done = subprocess.run(
        [sys.executable, "-m", _MODULE, "--format", name, "--megabytes", str(megabytes)],
        check=True,
        capture_output=True,
        text=True,
    )
    return Reading(**json.loads(done.stdout))


def read_one(name: str, megabytes: int) -> Reading:
    """Read a file of a format in this process."""
    codec = CODECS[name]
    size = min(megabytes * _MEGA, codec.max_bytes) - 1_000  # room for a longer count
    records = records_in(name, size)
    stream = long_answer_file(name, records)
    before = _most_memory()
    started = time.process_time()
    response = codec.open_response(cast("BinaryIO", stream))
    read = sum(1 for _ in response.records())
    cpu = time.process_time() - started
    if read != records:
        raise AssertionError("every record is read, or the file refused")
    most = _most_memory()
    return Reading(name, size / _MEGA, read, cpu, most, most - before)


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts kilobytes


def table(readings: Sequence[Reading]) -> str:
    """Return the readings as a table of Markdown, and how they stand to the bar."""
    lines = [
        "| format | MB | records | records/s a core | memory, MB | more, MB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{each.format}` | {each.megabytes:.0f} | {each.records:,} | {each.rate:,.0f} |"
        f" {each.memory / _MEGA:.0f} | {each.more / _MEGA:.1f} |"
        for each in readings
    ]
    slow = [each.format for each in readings if each.rate < BAR]
    said = f"below {BAR:,} records/s: {', '.join(slow)}" if slow else f"all above {BAR:,} records/s"
    return "\n".join([*lines, "", said])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with a format, that one only, as JSON."""
    parser = argparse.ArgumentParser(prog=_MODULE, description=__doc__)
    parser.add_argument("--megabytes", type=int, default=FULL_MEGABYTES)
    parser.add_argument("--format", choices=sorted(CODECS))
    options = parser.parse_args(arguments)
    if options.format:
        told = json.dumps(asdict(read_one(options.format, options.megabytes)))
    else:
        told = table(measure(options.megabytes))
    sys.stdout.write(told + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
