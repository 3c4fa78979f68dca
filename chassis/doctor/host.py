"""This host and process: clock, core dumps, swap, versions."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from chassis.doctor.finding import Finding, Rule, Severity, not_checked
from chassis.runtime import forbid_core_dumps

KEYS: Final = "4: what is stolen holds no card number"

CLOCK: Final = Rule(
    "CLOCK_UNSYNCHRONISED",
    Severity.RISK,
    "kept by NTP or PTP",
    "times of the audit, expiry of request ids and certificates",
    "run chrony or systemd-timesyncd on the host",
)
CORES: Final = Rule(
    "CORE_DUMPS_POSSIBLE",
    Severity.RISK,
    "no core dump of the service",
    KEYS,
    "let the service call prctl(PR_SET_DUMPABLE), and set LimitCORE=0",
)
SWAP: Final = Rule(
    "SWAP_ON",
    Severity.RISK,
    "no swap, or an encrypted one",
    KEYS,
    "swapoff -a, or encrypt it with a key that is forgotten at each start",
)
VERSIONS: Final = Rule(
    "VERSION_TOO_OLD",
    Severity.RISK,
    "at least what this release was tested with",
    "none that is known: nobody has tried",
    "install the locked versions: requirements/server.txt",
)
RULES: Final = (CLOCK, CORES, SWAP, VERSIONS)

LEAST: Final = {"grpcio": (1, 76), "cryptography": (45,), "protobuf": (6, 33), "apsw": (3, 51, 3)}
PYTHON: Final = (3, 11)
_UNSYNC: Final = 0x0040  # STA_UNSYNC of adjtimex(2)
_ERROR: Final = 5  # TIME_ERROR


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What this host and process say."""

    clock_error: bool | None  # None: not readable
    undumpable: bool
    swaps: int | None
    python: tuple[int, ...]
    packages: Mapping[str, str] = field(default_factory=dict)


def host_facts() -> HostFacts:
    """Look at this host. Makes this process undumpable, as `serve` does itself."""
    return HostFacts(
        clock_error=_clock_error(),
        undumpable=forbid_core_dumps(),
        swaps=_swaps(),
        python=sys.version_info[:3],
        packages={name: found for name in LEAST if (found := _installed(name))},
    )


def host_findings(facts: HostFacts) -> list[Finding]:
    """Judge a host."""
    found = []
    if facts.clock_error is None:
        found.append(
            not_checked("NTP", "this system does not tell", how="ask chronyc or timedatectl")
        )
    elif facts.clock_error:
        found.append(CLOCK.found("the kernel says that nobody keeps this clock"))
    if not facts.undumpable:
        found.append(CORES.found("this system can't forbid them to a process"))
    if facts.swaps is None:
        found.append(not_checked("swap", "this system does not tell"))
    elif facts.swaps:
        found.append(SWAP.found(f"{facts.swaps} swap areas: memory with keys may reach a disk"))
    if facts.python < PYTHON:
        found.append(VERSIONS.found(f"Python {_dotted(facts.python)} < {_dotted(PYTHON)}"))
    for name, text in sorted(facts.packages.items()):
        if _numbers(text) < LEAST[name]:
            found.append(VERSIONS.found(f"{name} {text} < {_dotted(LEAST[name])}"))
    return found


def _clock_error() -> bool | None:
    """Return whether the kernel's clock is unsynchronised; None where it does not tell."""
    if platform.system() != "Linux":
        return None
    buffer = ctypes.create_string_buffer(512)  # struct timex, all zero: modes = 0 only reads
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(buffer))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    # struct timex: int modes; long offset, freq, maxerror, esterror; int status; …
    at = 5 * ctypes.sizeof(ctypes.c_long)
    status = int.from_bytes(buffer.raw[at : at + 4], sys.byteorder)
    return state == _ERROR or bool(status & _UNSYNC)


def _swaps() -> int | None:
    try:
        lines = Path("/proc/swaps").read_text("utf-8").splitlines()
    except OSError:
        return None
    return max(0, len(lines) - 1)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    parts = []
    for part in text.split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)


def _dotted(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))
