"""Keep pytest from taking apart, in a failure, what does not print itself whole.

pytest shows two unequal dataclasses or named tuples field by field, whatever their own `repr`
says. What hides a field from its `repr` is told by its type alone here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

_DEEP: Final = 6


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a comparison by types where one side has something to hide (a hook of pytest)."""
    if hides(left) or hides(right):
        return [f"<{type(left).__name__}> {op} <{type(right).__name__}>", "(not shown)"]
    return None


def hides(value: object, depth: int = _DEEP) -> bool:
    """Tell whether a value, or what is in it, keeps fields out of its `repr`."""
    if not depth:
        return True  # too deep to be sure
    if _hidden(type(value)):
        return True
    return any(hides(inner, depth - 1) for inner in _inside(value))


def _hidden(cls: type) -> bool:
    if dataclasses.is_dataclass(cls):
        params: Any = getattr(cls, "__dataclass_params__")  # noqa: B009 - not in the stubs
        return (
            not params.repr
            or "__repr__" in _own(cls)
            or not all(field.repr for field in dataclasses.fields(cls))
        )
    return hasattr(cls, "_fields") and "__repr__" in _own(cls)


def _own(cls: type) -> set[str]:
    """Return the methods that a class wrote itself; dataclass and namedtuple make theirs."""
    module = cls.__module__
    return {
        name
        for name, each in vars(cls).items()
        if getattr(each, "__module__", "") == module
        and hasattr(each, "__code__")
        and each.__code__.co_filename not in {"<string>"}
        and not each.__code__.co_filename.endswith(("dataclasses.py", "reprlib.py"))
        and not each.__code__.co_filename.endswith("collections/__init__.py")
    }


def _inside(value: object) -> list[Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    return []
