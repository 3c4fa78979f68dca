"""Every class of the product that can hold a card number, its holder's data, a code or a key.

Found by walking all modules and their annotations, so that a new class is looked at on the day it
is written. A field can hold a secret by its type (`Pan`, `Contents`, a key, or a class that holds
one), or by its name where it is plain text or bytes.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, get_type_hints

import cards
import chassis
import updater
import vault
from cards.brands import Brand
from cards.pan import Pan
from cards.testcards import test_pan
from tests.doubles.rpc_canary import Canaries
from vault.adapters.local_kms import LocalKms
from vault.crypto.blob import RecordKey
from vault.crypto.checkpoints import CheckpointKey
from vault.crypto.keys import TenantKeys
from vault.crypto.mac import MacKey

PACKAGES: Final = (vault, updater, chassis, cards)
NUMBER: Final = test_pan(Brand.VISA, 9_753_108)
NAME: Final = "Quirina Zzyzx-Canary"
KEY: Final = b"canary-key-canary-key-canary-key"
CANARIES: Final = Canaries((NUMBER, NAME, KEY.decode()))
SECRET: Final = (Pan, RecordKey, MacKey, CheckpointKey, LocalKms, TenantKeys)
_NAMES: Final = re.compile(
    r"^_?(new_|old_)?(number|pan|pans|digits|security_code|cardholder_name"
    r"|billing_address|plaintext|plain|secret|private|body)$"
)
"""Names of plain fields that hold secrets. `body` is what a request's MAC is made over."""
HARMLESS: Final[Mapping[str, str]] = {
    "chassis.workers.control.Answer": "a page of metrics or health",
    "vault.domain.queries.Checkpoint": "hashes, signed and published",
}
"""Classes whose fields are only named like secrets, and what is in them."""


def modules() -> Iterator[str]:
    """Yield the names of all modules of the product that can be imported here."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.endswith(("__main__", "unsealing_process", "migrations.env")):
                yield found.name


def classes() -> list[type]:
    """Return all classes of the product, in the order of their names."""
    found: dict[str, type] = {}
    for name in modules():
        try:
            module = importlib.import_module(name)
        except ImportError:  # a production extra that is not installed
            continue
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == name:
                found[f"{name}.{each.__qualname__}"] = each
    return [found[name] for name in sorted(found)]


def fields_of(cls: type) -> dict[str, Any]:
    """Return the fields of a dataclass or named tuple, with their types; {} for others."""
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
    elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
        names = list(cls._fields)
    else:
        return {}
    try:
        hints = get_type_hints(cls)
    except NameError:  # of a name that only type checkers import
        hints = dict(cls.__annotations__)
    return {name: hints.get(name, Any) for name in names}


def holders(found: list[type] | None = None) -> dict[type, list[str]]:
    """Return the classes with fields that can hold a secret, and those fields."""
    everything = classes() if found is None else found
    known: set[type] = {*SECRET}
    held: dict[type, list[str]] = {}
    while True:
        more = {
            cls: [
                name
                for name, hint in fields_of(cls).items()
                if _mentions(hint, known) or _by_name(cls, name, hint)
            ]
            for cls in everything
        }
        held = {cls: names for cls, names in more.items() if names}
        if set(held) <= known:
            return held
        known |= set(held)


def _by_name(cls: type, name: str, hint: Any) -> bool:
    if f"{cls.__module__}.{cls.__qualname__}" in HARMLESS:
        return False
    return bool(_NAMES.match(name)) and _mentions(hint, {str, bytes})


def _mentions(hint: Any, types: set[type]) -> bool:
    if isinstance(hint, str):
        return any(re.search(rf"\b{each.__name__}\b", hint) for each in types)
    if hint in types:
        return True
    return any(_mentions(inner, types) for inner in getattr(hint, "__args__", ()))


def made(cls: type, secret: list[str]) -> Any:
    """Return an instance with canaries in its secret fields, past its constructor's checks."""
    filled = {
        name: canary_for(hint) if name in secret else plain_for(hint)
        for name, hint in fields_of(cls).items()
    }
    if issubclass(cls, tuple):
        return tuple.__new__(cls, filled.values())
    instance = object.__new__(cls)
    for name, value in filled.items():
        object.__setattr__(instance, name, value)
    return instance


def canary_for(hint: Any) -> Any:
    """Return a canary of a type; of what holds canaries, one that does."""
    for kind, value in _CANARIES:
        if _mentions(hint, {kind}):
            return _shaped(hint, value)
    inner = next((each for each in _inside(hint) if fields_of(each)), None)
    if inner is not None:
        return _shaped(hint, made(inner, holders(_related(inner)).get(inner, [])))
    return _shaped(hint, NUMBER if _mentions(hint, {str}) else NUMBER.encode() + KEY)


_CANARIES: Final[tuple[tuple[type, Any], ...]] = (
    (Pan, Pan(NUMBER)),
    (RecordKey, RecordKey(b"record-1", KEY)),
    (MacKey, MacKey(b"mac-key1", KEY)),
    (CheckpointKey, CheckpointKey(KEY)),
    (LocalKms, LocalKms(b"localkms", KEY)),
)


def _related(cls: type) -> list[type]:
    found, waiting = {cls}, [cls]
    while waiting:
        for hint in fields_of(waiting.pop()).values():
            more = {each for each in _inside(hint) if fields_of(each)} - found
            found |= more
            waiting += more
    return list(found)


def _inside(hint: Any) -> list[type]:
    if inspect.isclass(hint) and not getattr(hint, "__args__", ()):
        return [hint]
    return [each for inner in getattr(hint, "__args__", ()) for each in _inside(inner)]


def _shaped(hint: Any, value: Any) -> Any:
    """Put a value into a list, tuple or mapping where the type is one."""
    text = str(getattr(hint, "__origin__", hint))
    if "Mapping" in text or text == "<class 'dict'>":
        return {"one": value}
    if "Sequence" in text or text in {"<class 'list'>", "<class 'tuple'>"}:
        return (value,)
    return value


def plain_for(hint: Any) -> Any:
    """Return a harmless value of a type."""
    for kind, value in ((str, "plain"), (bytes, b"plain"), (int, 1), (float, 1.0)):
        if hint is kind:
            return value
    return made(hint, []) if inspect.isclass(hint) and fields_of(hint) else None


def printing_themselves() -> list[type]:
    """Return the classes without fields that say themselves how they are printed."""
    own = {"__repr__", "__str__", "__format__"}
    return [
        cls
        for cls in classes()
        if not issubclass(cls, Enum) and not fields_of(cls) and own & set(vars(cls))
    ]
