"""Rules of this code base that no linter has; each is a line of output and exit 1.

- module names that say nothing are not used: utils, helpers, common, base, manager
- a file has at most 400 lines
- `.abort(` and `abort_with_status(` stand in the gRPC transport and its health service
- no message is made text: `str(request)` prints card numbers in spite of `debug_redact`. Not by
  `str`, `repr`, `format`, an f-string or `%`, not as an argument of a log call or an exception, and
  not by protobuf's own printers. A message is known by its name: `request`, `reply`, `card`, …
- no tracked file names a package index
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

PACKAGES = ("vault", "updater", "chassis", "cards")
EMPTY_NAMES = {"utils", "util", "helpers", "common", "base", "manager", "misc"}
ABORTS = re.compile(r"\.abort(_with_status)?\(")
ABORT_HOMES = {Path("chassis/grpc_transport.py"), Path("chassis/health.py")}
MESSAGES = frozenset(
    {
        *("request", "response", "message", "reply", "card", "update", "contents", "details"),
        *("requests", "responses", "messages", "replies", "cards", "updates", "intent", "pan"),
        *("item", "items", "payload", "inquiry", "inquiries", "plaintext", "security_code"),
    }
)
MAY_BE_TEXT = frozenset({"message", "details"})
PRINTERS = frozenset({"str", "repr", "format", "print", "ascii"})
LOGGERS = frozenset({"log", "logger", "logging"})
LOGGER_MAKERS = frozenset({"bind", "get_logger", "getLogger", "new"})
LEVELS = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log", "msg"}
)
PROTO_PRINTERS = frozenset({"text_format", "MessageToString", "MessageToJson"})
# In two pieces, so that this file does not name one itself.
INDEXES = re.compile("|".join(("pypi" + r"\.org", "npmjs" + r"\.org", "maven" + r"\.org/maven2")))


def problems() -> Iterator[str]:
    """Yield what breaks a rule."""
    for path in tracked():
        if path.suffix == ".py" and _ours(path):
            yield from of_module(path)
        if path.suffix in {".py", ".txt", ".toml", ".sh", ".yaml", ".yml", ".md", ".mod", ".json"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            if INDEXES.search(text):
                yield f"{path}: names a package index"


def _ours(path: Path) -> bool:
    """Tell whether a module is the product's and written by hand: stubs are generated."""
    return path.parts[0] in PACKAGES or (
        path.parts[:2] == ("client", "cardvault") and len(path.parts) == 3
    )


def of_module(path: Path) -> Iterator[str]:
    """Yield what breaks a rule in one module of ours."""
    text = path.read_text(encoding="utf-8")
    if path.stem in EMPTY_NAMES:
        yield f"{path}: a name that says nothing"
    if text.count("\n") > 400:
        yield f"{path}: more than 400 lines"
    if path not in ABORT_HOMES and ABORTS.search(text):
        yield f"{path}: aborts a call; raise StatusError instead"
    tree = _without_texts(ast.parse(text))
    for line in sorted({node.lineno for node in ast.walk(tree) if makes_text(node)}):
        yield f"{path}:{line}: makes a message text"


class _Texts(ast.NodeTransformer):
    """Renames what a function says is a text, in it: `message: str` is a status's sentence."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._in(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._in(node)

    def _in(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        texts = {each.arg for each in arguments if _name_of(each.annotation) == "str"} & MAY_BE_TEXT
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in texts:
                inner.id = "a_text"
        return self.generic_visit(node)


def _without_texts(tree: ast.Module) -> ast.AST:
    found: ast.AST = _Texts().visit(tree)
    return found


def makes_text(node: ast.AST) -> TypeGuard[ast.expr | ast.stmt]:
    """Tell whether a piece of syntax makes text of something that is named like a message."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in PRINTERS:
            return _any_message(node)
        case ast.Call(func=ast.Attribute(attr="format" | "join", value=ast.Constant())):
            return _any_message(node)
        case ast.Call(func=ast.Attribute(attr="__str__" | "__repr__" | "__format__", value=value)):
            return _is_message(value)
        case ast.Call(func=ast.Attribute(attr=level, value=logger)) if level in LEVELS:
            return _is_logger(logger) and _any_message(node)
        case ast.FormattedValue(value=value):
            return _is_message(value)
        case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod(), right=right):
            return any(map(_is_message, _parts(right)))
        case ast.Raise(exc=ast.Call() as made):
            return _any_message(made)
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
            return name in PROTO_PRINTERS
    return False


def _is_logger(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=made):  # structlog.get_logger().info(…), log.bind(…).info(…)
            return _name_of(made) in LOGGER_MAKERS
    return _name_of(value).lstrip("_").lower() in LOGGERS


def _any_message(call: ast.Call) -> bool:
    values = [*call.args, *[keyword.value for keyword in call.keywords]]
    return any(_is_message(part) for value in values for part in _parts(value))


def _parts(value: ast.expr) -> list[ast.expr]:
    """Return what a value shows when it is shown: a container shows what is in it."""
    match value:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [inner for part in parts for inner in _parts(part)]
        case ast.Dict(values=parts):
            return [inner for part in parts for inner in _parts(part)]
        case ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return _parts(inner)
    return [value]


def _is_message(value: ast.expr) -> bool:
    return _name_of(value) in MESSAGES


def _name_of(value: ast.expr | None) -> str:
    """Return the name of a variable or, of an attribute, its last part: `self.request`."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


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
