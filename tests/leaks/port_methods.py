"""Every method of every port of the vault, in tables: found by looking at the protocols."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from types import ModuleType
from typing import Any, Final

CALLED: Final[Mapping[str, tuple[str, ...]]] = {
    "Ledger": ("apply", "read"),
    "CardReader": ("cards", "list_cards", "list_tokens", "versions"),
    "FileReader": ("changed_by", "parked_by"),
    "AuditStore": ("audit_rows", "audit_reach", "checkpoints", "last_checkpoint"),
    "SecurityCodes": ("put", "exists", "take"),
    "Keyring": ("warm",),
}
"""What handlers call themselves."""
BEHIND: Final[Mapping[str, tuple[str, ...]]] = {
    # Of a flush: anything unexpected ends the ledger and the process.
    "Store": ("read", "write"),
    "Keyring": ("peek",),
    "EventEncoder": ("__call__",),
    # Of the keyring, whose failures are VaultErrors.
    "KeyStore": ("data_keys", "add_data_keys"),
    "Kms": ("kek", "wrap", "unwrap"),
    # Of work beside the calls.
    "CardReader": ("editions",),
    "Housekeeping": (
        *("erasable", "purgeable_versions", "purge_requests", "purge_answers"),
        *("parked_due", "purge_parked", "purge_imprints"),
    ),
    "AuditStore": ("open_chains", "abandoned_chains", "chain_records", "add_checkpoint"),
    # Of the cache, which never raises by contract.
    "SealedViews": ("away", "get", "put"),
}
"""What is called behind the ledger or beside the calls."""


def listed(*tables: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return the methods in the tables, each with its port."""
    return [(port, each) for table in tables for port, them in table.items() for each in them]


def methods(module: ModuleType) -> set[tuple[str, str]]:
    """Return every method and property of every protocol of a module."""
    found = set()
    for name, port in vars(module).items():
        if inspect.isclass(port) and getattr(port, "_is_protocol", False):
            own = [each for each in vars(port) if each == "__call__" or not each.startswith("_")]
            found |= {(name, each) for each in own}
    return found


class Broken(Exception):
    """What a driver might raise."""


def broken(number: str) -> Broken:
    """Return an exception with a number in its text, its arguments, its cause and its frames."""

    def fail(row: Any) -> None:
        try:
            raise ValueError(f"bad value: {row}")
        except ValueError as cause:
            raise Broken(f"the row was ({row})", row) from cause

    try:
        fail(number)
    except Broken as error:
        return error
    raise AssertionError("it was raised")


def raising(number: str) -> Callable[..., Any]:
    """Return a method that does nothing but raise, with a number in its frame as well."""

    def raised(*_args: Any, **_more: Any) -> Any:
        seen = number  # as a caller's request is
        raise broken(seen)

    return raised


def preceded(original: Any, before: Callable[[], None]) -> Any:
    """Return a method or property, of any kind, that has something done before its own work."""
    if isinstance(original, property):
        assert original.fget is not None
        return property(preceded(original.fget, before))
    if inspect.isasyncgenfunction(original):

        @functools.wraps(original)
        async def streamed(*args: Any, **named: Any) -> AsyncIterator[Any]:
            before()
            async for each in original(*args, **named):
                yield each

        return streamed
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def waited(*args: Any, **named: Any) -> Any:
            before()
            return await original(*args, **named)

        return waited

    @functools.wraps(original)
    def called(*args: Any, **named: Any) -> Any:
        before()
        return original(*args, **named)

    return called
