"""Write docs/reference/settings.md from the settings classes; `--check` fails if it is stale."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from pathlib import Path

from pydantic_core import PydanticUndefined

from chassis.config import ServiceConfig
from updater.config import UpdaterConfig
from vault.config import VaultConfig

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
HEAD = """\
# Settings

Made by `make gen` from `vault/config.py` and `updater/config.py`. Read once at start, from the
environment, then from files in `/run/secrets` named like the variable. Durations are ISO 8601
(`PT30S`, `P180D`). A bad value is named without being shown.
"""


def main() -> None:
    """Write or check the page."""
    page = HEAD + "".join(section(model) for model in (VaultConfig, UpdaterConfig))
    if "--check" in sys.argv:
        if PAGE.read_text() != page:
            sys.exit(f"{PAGE} is stale: run make gen")
        return
    PAGE.write_text(page)


def section(model: type[ServiceConfig]) -> str:
    """Return one service's table."""
    prefix = str(model.model_config.get("env_prefix", ""))
    notes = documented(model)
    rows = [
        f"| `{prefix}{name.upper()}` | `{shown(field.default)}` | {notes.get(name, '')} |"
        for name, field in model.model_fields.items()
    ]
    title = model.__module__.split(".")[0].capitalize()
    return "\n".join(
        ("", f"## {title}", "", "| variable | default | |", "|---|---|---|", *rows, "")
    )


def documented(model: type) -> dict[str, str]:
    """Return the strings that stand under fields in a class and those it inherits from."""
    notes: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, ServiceConfig):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class
        for field, after in zip(body.body, body.body[1:], strict=False):
            text = after.value if isinstance(after, ast.Expr) else None
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Constant)
            ):
                notes[field.target.id] = " ".join(str(text.value).split())
    return notes


def shown(default: object) -> str:
    """Return a default as one would write it."""
    if default is PydanticUndefined:
        return "(required)"
    if hasattr(default, "total_seconds"):
        seconds = default.total_seconds()
        days, rest = divmod(int(seconds), 86_400)
        if days and not rest:
            return f"P{days}D"
        return f"PT{seconds:g}S"
    if isinstance(default, frozenset | tuple):
        return json.dumps(sorted(str(item) for item in default))
    return str(default)


if __name__ == "__main__":
    main()
