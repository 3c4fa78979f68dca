"""What went wrong in PostgreSQL, in a store's words: no statement, no value, no address."""

from __future__ import annotations

from typing import Final

import asyncpg

from chassis.store_errors import (
    CommitInDoubt,
    Conflict,
    DataDamaged,
    DataFault,
    StoreBroken,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

MISMATCH: Final = "22012"  # division by zero: what a statement does that finds a row changed
_CONFLICTS: Final = frozenset(
    {
        MISMATCH,
        "23505",  # unique violation
        "40001",  # serialization failure
        "40P01",  # deadlock: this one was chosen to give way
    }
)
_FULL: Final = "53100"
_CORRUPT: Final = frozenset({"XX001", "XX002"})
# Raised while a value is encoded: it is the value's fault, and nothing has been sent.
UNBINDABLE: Final = (ValueError, OverflowError, TypeError)
DRIVER: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
    TypeError,
)
"""All that asyncpg raises for a statement; TimeoutError is an OSError."""


def translated(error: Exception) -> StoreError:
    """Return the store's error where nothing was written, or nothing could have been."""
    kind = type(error).__name__
    if isinstance(error, StoreError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        if state in _CONFLICTS:
            return Conflict("a row is not what it was when it was read")
        if state == _FULL:
            return StoreFull("no room on the server's disk")
        if state.startswith("22"):
            return DataFault(kind)
        if state in _CORRUPT:
            return StoreBroken(kind)
        return StoreUnavailable(kind)
    if isinstance(error, UnicodeDecodeError):
        return DataDamaged(kind)
    if isinstance(error, UNBINDABLE):
        return DataFault(kind)
    return StoreUnavailable(kind)


def translated_write(error: Exception) -> StoreError:
    """Return the store's error for a statement that commits by itself and was being sent.

    What the server says about a statement ends its transaction; what it says about the connection
    (class 57: shutdown, crash), and a connection's own end, leave the outcome open.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        if state.startswith(("08", "57", "58", "F0", "XX")) or not state:
            return CommitInDoubt(type(error).__name__)
        return translated(error)
    if isinstance(error, UNBINDABLE):
        return translated(error)
    return CommitInDoubt(type(error).__name__)
