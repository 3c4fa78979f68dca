"""Plant a bug: change a few words of the real source, and give the functions in use the new code.

The module is not imported anew, so that whoever has imported from it has the bug as well, and the
next bug costs no process of its own. Text that is not there exactly once fails loudly: somebody has
changed the code, and the bug has to be written anew.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Final

from tests.seeds.mutants import Mutant

_INNER: Final = "<"  # lambdas, comprehensions and functions inside functions come with the outer


class NotPlanted(Exception):
    """A bug's text is not in its module (exactly once), or changes no function of it."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Have the code be wrong in the block."""
    module = import_module(mutant.module)
    changed = _changed(module, mutant)
    real = {function: function.__code__ for function in changed}
    try:
        for function, code in changed.items():
            function.__code__ = code
        yield
    finally:
        for function, code in real.items():
            function.__code__ = code


def _changed(module: ModuleType, mutant: Mutant) -> dict[FunctionType, CodeType]:
    path = Path(str(module.__file__))
    source = path.read_text(encoding="utf-8")
    if source.count(mutant.old) != 1:
        raise NotPlanted(
            f"{mutant.name!r}: its text is in {mutant.module} {source.count(mutant.old)} times,"
            " and must be there once: write the bug anew for what the code has become"
            f" (tests/seeds/mutants.py). The text is:\n{mutant.old}"
        )
    before = _codes(compile(source, str(path), "exec", dont_inherit=True))
    wrong = source.replace(mutant.old, mutant.new)
    after = _codes(compile(wrong, str(path), "exec", dont_inherit=True))
    found = {
        _function(module, name): code
        for name, code in after.items()
        if name in before and not _same(before[name], code)
    }
    if not found:
        raise NotPlanted(f"{mutant.name!r} changes no function of {mutant.module}")
    return found


def _codes(code: CodeType) -> dict[str, CodeType]:
    """Return all functions' and methods' code by qualified name."""
    found: dict[str, CodeType] = {}
    for each in code.co_consts:
        if isinstance(each, CodeType) and _INNER not in each.co_qualname:
            if each.co_flags & inspect.CO_OPTIMIZED:  # a class's body is not
                found[each.co_qualname] = each
            found.update(_codes(each))
    return found


def _same(one: CodeType, other: CodeType) -> bool:
    """Tell whether code does the same, wherever its lines are."""
    plain = [each.replace(co_firstlineno=1, co_linetable=b"") for each in (one, other)]
    if plain[0].co_code != plain[1].co_code or plain[0].co_names != plain[1].co_names:
        return False
    pairs = list(zip(one.co_consts, other.co_consts, strict=False))
    return len(one.co_consts) == len(other.co_consts) and all(
        _same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else a == b
        for a, b in pairs
    )


def _function(module: ModuleType, name: str) -> FunctionType:
    place: object = sys.modules[module.__name__]
    for part in name.split("."):
        place = inspect.getattr_static(place, part)
    if isinstance(place, property):
        place = place.fget
    place = inspect.unwrap(getattr(place, "__func__", place))  # type: ignore[arg-type]
    if not isinstance(place, FunctionType):
        raise NotPlanted(f"{name} of {module.__name__} is no function")
    return place
