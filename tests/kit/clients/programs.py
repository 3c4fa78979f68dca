"""The example programs, made and run by the commands that their READMEs print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.running.site import ROOT

LANGUAGES: Final = ("go", "java", "typescript", "python")
USUAL: Final = ("localhost:50051", "../../../.cardvault/pki", "customer-1")
"""Where the READMEs say the vault is, its certificates are, and whose the card is."""

BUILD_S: Final = 600.0
RUN_S: Final = 60.0

# Digits with single spaces or hyphens between them, as people write card numbers.
_NUMBER: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){11,18}(?!\d)")
_NEEDED: Final = ("protos", "third_party/protos", "client", "tools/kit")
_MADE: Final = ("gen", "node_modules", "target", "dist", ".venv", "__pycache__")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and what it printed: no card number, else there is no outcome."""

    status: int
    out: str
    err: str


class Program:
    """One language's program in a copy of the tree, so that nothing is made in the checkout."""

    def __init__(self, language: str, tree: Path) -> None:
        self._home = tree / "examples" / "clients" / language
        everything = shutil.ignore_patterns(*_MADE)
        for part in (*_NEEDED, f"examples/clients/{language}"):
            shutil.copytree(ROOT / part, tree / part, ignore=everything)
        shutil.copy(ROOT / "buf.yaml", tree)
        [commands] = re.findall(
            r"^```sh\n(.*?)^```", (self._home / "README.md").read_text(), re.DOTALL | re.MULTILINE
        )
        *self._making, self._running = commands.splitlines()
        assert all(self._running.count(usual) == 1 for usual in USUAL)

    def make(self) -> None:
        """Generate and compile. Fails with the end of what the tools said."""
        done = self._bash("\n".join(self._making), BUILD_S)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3_000:]

    def run(self, address: str, pki: Path, customer: str) -> Outcome:
        """Run the program as the README does, in a place of the test's own."""
        line = self._running
        for usual, own in zip(USUAL, (address, str(pki), f"'{customer}'"), strict=True):
            line = line.replace(usual, own)
        return self._outcome(line)

    def run_without_arguments(self) -> Outcome:
        """Run the program as somebody does who has not read on."""
        return self._outcome(self._running.partition(USUAL[0])[0])

    def _outcome(self, line: str) -> Outcome:
        done = self._bash(line, RUN_S)
        printed = _NUMBER.search(done.stdout) or _NUMBER.search(done.stderr)
        if printed is not None:  # and isn't shown here either
            raise AssertionError("the program printed what may be a card number")
        return Outcome(done.returncode, done.stdout, done.stderr)

    def _bash(self, script: str, within: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("bash", "-euo", "pipefail", "-c", script),
            cwd=self._home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )


def _environment() -> dict[str, str]:
    """Return ours, with the tools' own settings in it, but without our Python's import path."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # noqa: TID251
