"""Every field that our own code logs is an allowed one: what is not is dropped, and never read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from chassis.logs import FIELDS
from tools.running.site import ROOT
from updater.rpc.calls import LOGGED

_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
ALLOWED: Final = {"vault": FIELDS, "chassis": FIELDS, "updater": FIELDS | LOGGED}
"""What each package's services let out."""


def logged_fields(module: str) -> Iterator[tuple[int, str]]:
    """Yield the fields that a module's text logs by name, each with its line."""
    for node in ast.walk(ast.parse(module)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _LEVELS
            and ast.unparse(node.func.value) in {"_log", "log", "self._log"}
        ):
            yield from ((node.lineno, each.arg) for each in node.keywords if each.arg)


def test_no_field_is_logged_in_vain() -> None:
    found: list[str] = []
    seen = 0
    for package, allowed in ALLOWED.items():
        for path in sorted((ROOT / package).rglob("*.py")):
            for line, name in logged_fields(path.read_text()):
                seen += 1
                found += [] if name in allowed else [f"{path.relative_to(ROOT)}:{line}: {name}"]
    assert found == []
    assert seen > 50


def test_a_field_that_would_be_dropped_is_found() -> None:
    module = "def f():\n    _log.info('so', count=1, why='x')\n    math.log(2, base=10)\n"
    assert [name for _line, name in logged_fields(module)] == ["count", "why"]
    assert "why" not in FIELDS
