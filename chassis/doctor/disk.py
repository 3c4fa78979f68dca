"""File systems under databases, and the modes of files."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chassis.doctor.finding import Finding, Rule, Severity, not_checked

LOST: Final = "1: nothing acknowledged is lost"

NETWORK_FS: Final = Rule(
    "DISK_NETWORK",
    Severity.BROKEN,
    "a local file system",
    LOST + ": locks and syncs over a network do not hold what they promise",
    "put the database on a local disk, or use PostgreSQL",
)
VOLATILE_FS: Final = Rule(
    "DISK_VOLATILE",
    Severity.BROKEN,
    "a disk",
    LOST,
    "put the database on a disk: this file system is memory",
    relaxed=True,
)
BARRIERS: Final = Rule(
    "DISK_NO_BARRIERS",
    Severity.BROKEN,
    "write barriers on",
    LOST + ": a sync does not reach the medium",
    "mount without nobarrier, barrier=0",
)
FUSE_FS: Final = Rule(
    "DISK_UNKNOWN",
    Severity.RISK,
    "a file system whose sync is known to hold",
    LOST,
    "put the database on ext4 or xfs; what is behind FUSE can't be seen",
)
FULL: Final = Rule(
    "DISK_NEARLY_FULL",
    Severity.RISK,
    "1 GiB free, or a twentieth of a smaller disk",
    "none yet: a full disk refuses writes",
    "free or add space",
)
OPEN_FILE: Final = Rule(
    "FILE_OPEN_TO_OTHERS",
    Severity.BROKEN,
    "no access for others than owner and group",
    "3: nobody gets in where they don't belong",
    "chmod o-rwx, and chmod 600 where no group needs it",
)
RULES: Final = (NETWORK_FS, VOLATILE_FS, BARRIERS, FUSE_FS, FULL, OPEN_FILE)

NETWORKED: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "gpfs", "afs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.ceph", "ocfs2", "gfs2", "virtiofs"}
)
VOLATILE: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_GIB: Final = 1 << 30
_ESCAPED: Final = re.compile(r"\\(040|011|012|134|043)")  # in octal, a space among them; no letter


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The file system under a directory."""

    kind: str
    options: frozenset[str]
    size: int
    free: int


def disk_facts(directory: Path) -> DiskFacts:
    """Look at the file system under a directory that exists. Raises OSError."""
    kind, options = mounted(Path("/proc/self/mountinfo").read_text("utf-8"), directory.resolve())
    usage = shutil.disk_usage(directory)
    return DiskFacts(kind, options, usage.total, usage.free)


def disk_findings(facts: DiskFacts) -> list[Finding]:
    """Judge a file system that holds a database."""
    found = []
    if facts.kind in NETWORKED:
        found.append(NETWORK_FS.found(f"the file system is {facts.kind}"))
    elif facts.kind in VOLATILE:
        found.append(VOLATILE_FS.found(f"the file system is {facts.kind}"))
    elif facts.kind.startswith("fuse"):
        found.append(FUSE_FS.found(f"the file system is {facts.kind}"))
    off = facts.options & {"nobarrier", "barrier=0", "barrier=off"}
    if off:
        found.append(BARRIERS.found(f"mounted with {', '.join(sorted(off))}"))
    if facts.free < min(_GIB, facts.size // 20):
        found.append(FULL.found(f"{facts.free >> 20} MiB of {facts.size >> 20} free"))
    return found


def mounted(mountinfo: str, path: Path) -> tuple[str, frozenset[str]]:
    """Return type and options of the mount that holds `path`, as proc(5) tells them."""
    best: tuple[int, str, frozenset[str]] = (-1, "unknown", frozenset())
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        fields, after = head.split(" "), tail.split(" ")
        if len(fields) < 6 or len(after) < 3:
            continue
        point = Path(_ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= best[0]:
            options = frozenset((fields[5] + "," + after[2]).split(","))
            best = (len(point.parts), after[0], options)
    return best[1], best[2]


def file_findings(files: Sequence[Path]) -> list[Finding]:
    """Judge the modes of files that others may not read; a file that is not there is none."""
    found = []
    for path in files:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.append(not_checked(path.name, error.strerror or "can't be read"))
            continue
        if mode & 0o007:
            found.append(OPEN_FILE.found(f"{path} has mode {mode:04o}"))
    return found
