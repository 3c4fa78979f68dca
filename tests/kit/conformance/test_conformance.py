"""Both transports against the public gRPC/Connect conformance suite, over HTTP/2.

Unary, streams of either side and of both; two clients, connect-go and grpc-go.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tools.running.guardian import mind
from tools.running.site import ROOT

HERE: Final = Path(__file__).parent
KNOWN: Final = HERE / "known"
BUILD_S: Final = 300.0
RUN_S: Final = 120.0
CASES: Final = 465
_COUNTED: Final = re.compile(r"^Total cases: (\d+)\n(\d+) passed, (\d+) failed$", re.MULTILINE)
_EXPECTED: Final = re.compile(r"^\(Another (\d+) failed as expected", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the suite ended: how many of its cases did what."""

    status: int
    cases: int
    passed: int
    as_expected: int
    said: str


@pytest.fixture(scope="module")
def suite() -> Path:
    """Return the directory of the suite, built where it isn't there."""
    done = subprocess.run(
        ("bash", "tools/kit/conformance.sh"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return Path(done.stdout.strip())


def test_envoy_conforms_but_for_what_is_known(suite: Path) -> None:
    outcome = _run(suite, "envoy", known="envoy")
    assert (outcome.status, outcome.as_expected) == (0, 1), outcome.said
    assert outcome.cases >= CASES
    assert outcome.passed == outcome.cases - 1


def test_grpcio_conforms_but_for_what_is_known(suite: Path) -> None:
    apart = _patterns("grpcio_alone") + _patterns("grpcio_never")
    outcome = _run(suite, "grpcio", *(f"--skip={each}" for each in apart), known="grpcio")
    assert (outcome.status, outcome.as_expected) == (0, 7), outcome.said
    assert outcome.cases >= CASES - len(apart)
    assert outcome.passed == outcome.cases - 7


def test_grpcio_fails_alone_where_it_would_spoil_a_connection(suite: Path) -> None:
    [alone] = _patterns("grpcio_alone")
    outcome = _run(suite, "grpcio", f"--run={alone}", known="grpcio_alone")
    assert (outcome.status, outcome.cases, outcome.as_expected) == (0, 1, 1), outcome.said


@pytest.mark.parametrize("name", ["envoy", "grpcio", "grpcio_alone", "grpcio_never"])
def test_every_known_failure_has_its_reason(name: str) -> None:
    heading, *groups = (KNOWN / f"{name}.txt").read_text().split("\n\n")
    assert all(line.startswith("#") for line in heading.splitlines())
    assert groups
    for group in groups:
        reason, *patterns = re.split(r"^(?!#)", group.strip(), maxsplit=1, flags=re.MULTILINE)
        assert reason.startswith("# "), group
        assert "".join(patterns).strip(), group


def _patterns(name: str) -> list[str]:
    """Read a list of cases; the suite itself would read one file a flag, and stop there."""
    lines = (KNOWN / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _run(suite: Path, transport: str, *flags: str, known: str) -> Outcome:
    """Run the suite against a transport; nothing of it is left."""
    server = (sys.executable, "-m", "tests.kit.conformance.server", "--transport", transport)
    command = [
        *(str(suite / "connectconformance"), "--mode", "server", "--max-servers", "1"),
        *("--conf", str(HERE / "suite.yaml"), f"--known-failing=@{KNOWN / known}.txt", *flags),
        *("--", *server, "--described", str(suite / "messages.binpb")),
    ]
    with TemporaryDirectory(prefix="cardvault-suite-") as scratch:
        status, said = _ended(command, scratch)
        assert not list(Path(scratch).iterdir()), "a server left files behind"
    counted, expected = _COUNTED.search(said), _EXPECTED.search(said)
    assert counted is not None, said[-3_000:]
    cases, passed, _failed = map(int, counted.groups())
    return Outcome(status, cases, passed, int(expected[1]) if expected else 0, said[-6_000:])


def _ended(command: Sequence[str], scratch: str) -> tuple[int, str]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": scratch},  # noqa: TID251 - Go's, Python's and ours
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    mind(process.pid)
    try:
        said, _none = process.communicate(timeout=RUN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the suite, and the servers that it has started
        said, _none = process.communicate(timeout=RUN_S)
        pytest.fail(f"the suite didn't end: {said[-3_000:]}")
    return process.returncode, said
