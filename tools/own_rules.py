"""Rules of this code base that no linter has; each is a line of output and exit 1.

- module names that say nothing are not used: utils, helpers, common, base, manager
- a file has at most 400 lines
- `.abort(` and `abort_with_status(` stand in the gRPC transport and its health service
- no message is made text: `str(request)` prints card numbers in spite of `debug_redact`
- no tracked file names a package index
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("vault", "updater", "chassis", "cards")
EMPTY_NAMES = {"utils", "util", "helpers", "common", "base", "manager", "misc"}
ABORTS = re.compile(r"\.abort(_with_status)?\(")
ABORT_HOMES = {Path("chassis/grpc_transport.py"), Path("chassis/health.py")}
MESSAGES = {"request", "response", "message", "reply"}
PRINTERS = {"str", "repr", "format", "print"}
# In two pieces, so that this file does not name one itself.
INDEXES = re.compile("|".join(("pypi" + r"\.org", "npmjs" + r"\.org", "maven" + r"\.org/maven2")))


def problems() -> Iterator[str]:
    """Yield what breaks a rule."""
    for path in tracked():
        if path.suffix == ".py" and path.parts[0] in PACKAGES:
            yield from of_module(path)
        if path.suffix in {".py", ".txt", ".toml", ".sh", ".yaml", ".yml", ".md", ".mod", ".json"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            if INDEXES.search(text):
                yield f"{path}: names a package index"


def of_module(path: Path) -> Iterator[str]:
    """Yield what breaks a rule in one module of ours."""
    text = path.read_text(encoding="utf-8")
    if path.stem in EMPTY_NAMES:
        yield f"{path}: a name that says nothing"
    if text.count("\n") > 400:
        yield f"{path}: more than 400 lines"
    if path not in ABORT_HOMES and ABORTS.search(text):
        yield f"{path}: aborts a call; raise StatusError instead"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            named = {arg.id for arg in node.args if isinstance(arg, ast.Name)}
            if node.func.id in PRINTERS and named & MESSAGES:
                yield f"{path}:{node.lineno}: makes a message text"
        if (
            isinstance(node, ast.FormattedValue)
            and isinstance(node.value, ast.Name)
            and node.value.id in MESSAGES
        ):
            yield f"{path}:{node.lineno}: makes a message text"


def tracked() -> list[Path]:
    """Return the files that git tracks or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for path in map(Path, listing.stdout.splitlines()) if path.is_file()]


if __name__ == "__main__":
    found = list(problems())
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)
