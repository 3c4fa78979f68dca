"""Hosts, file systems, files: judged from facts, and from this machine where it can be made so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.doctor.disk import DiskFacts, disk_facts, disk_findings, file_findings, mounted
from chassis.doctor.finding import Finding
from chassis.doctor.host import HostFacts, host_facts, host_findings

GOOD = HostFacts(
    clock_error=False,
    undumpable=True,
    swaps=0,
    python=(3, 11, 7),
    packages={"grpcio": "1.76.0", "cryptography": "46.0.1", "protobuf": "6.33.0rc1"},
)


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (GOOD, set()),
        (replace(GOOD, clock_error=True), {"CLOCK_UNSYNCHRONISED"}),
        (replace(GOOD, clock_error=None), {"NOT_CHECKED"}),
        (replace(GOOD, undumpable=False), {"CORE_DUMPS_POSSIBLE"}),
        (replace(GOOD, swaps=1), {"SWAP_ON"}),
        (replace(GOOD, swaps=None), {"NOT_CHECKED"}),
        (replace(GOOD, python=(3, 10, 2)), {"VERSION_TOO_OLD"}),
        (replace(GOOD, packages={"grpcio": "1.75.9"}), {"VERSION_TOO_OLD"}),
        (replace(GOOD, packages={"apsw": "3.51.2.0"}), {"VERSION_TOO_OLD"}),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else "",
)
def test_a_host(facts: HostFacts, found: set[str]) -> None:
    assert ids(host_findings(facts)) == found


def test_this_host_tells() -> None:
    facts = host_facts()
    assert facts.undumpable
    assert {"grpcio", "apsw"} <= set(facts.packages)
    assert "VERSION_TOO_OLD" not in ids(host_findings(facts))


DISK = DiskFacts("ext4", frozenset({"rw", "relatime"}), size=100 << 30, free=50 << 30)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (DISK, set()),
        (replace(DISK, kind="nfs4"), {"DISK_NETWORK"}),
        (replace(DISK, kind="fuse.sshfs"), {"DISK_NETWORK"}),
        (replace(DISK, kind="fuse.other"), {"DISK_UNKNOWN"}),
        (replace(DISK, kind="tmpfs"), {"DISK_VOLATILE"}),
        (replace(DISK, options=frozenset({"rw", "barrier=0"})), {"DISK_NO_BARRIERS"}),
        (replace(DISK, free=1 << 29), {"DISK_NEARLY_FULL"}),
        (replace(DISK, size=4 << 30, free=1 << 29), set()),
        (replace(DISK, size=4 << 30, free=1 << 26), {"DISK_NEARLY_FULL"}),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else "",
)
def test_a_file_system(facts: DiskFacts, found: set[str]) -> None:
    assert ids(disk_findings(facts)) == found


def test_memory_is_told_from_a_disk_on_this_machine(tmp_path: Path) -> None:
    assert "DISK_VOLATILE" in ids(disk_findings(disk_facts(Path("/dev/shm"))))  # noqa: S108
    assert disk_facts(Path("/proc")).kind == "proc"
    assert disk_facts(tmp_path).kind != "unknown"


def test_the_innermost_mount_counts_and_names_have_spaces() -> None:
    text = (
        "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        "2 1 0:5 / /srv/my\\040data rw shared:1 - xfs /dev/sdb rw,nobarrier\n"
        "3 1 0:6 / /srv rw - tmpfs tmpfs rw\n"
        "4 1 0:7 / /srv/größe rw - nfs4 host:/ rw\n"
        "nonsense\n"
    )
    assert mounted(text, Path("/srv/größe/vault"))[0] == "nfs4"
    assert mounted(text, Path("/srv/my data/vault"))[0] == "xfs"
    assert "nobarrier" in mounted(text, Path("/srv/my data"))[1]
    assert mounted(text, Path("/srv/mydata"))[0] == "tmpfs"
    assert mounted(text, Path("/home"))[0] == "ext4"


def test_a_file_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert file_findings([path]) == []
    path.write_text("x")
    for mode, found in ((0o600, set()), (0o640, set()), (0o604, {"FILE_OPEN_TO_OTHERS"})):
        path.chmod(mode)
        assert ids(file_findings([path])) == found
