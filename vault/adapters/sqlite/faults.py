"""What went wrong in SQLite, in the words of the ports: no statement, no value, no path."""

from __future__ import annotations

from typing import Final

import apsw

from vault.usecases.ports import (
    Conflict,
    DataDamaged,
    DataFault,
    StoreBroken,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

_UNIQUE: Final = frozenset(
    {
        apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
        apsw.SQLITE_CONSTRAINT_UNIQUE,
        apsw.SQLITE_CONSTRAINT_ROWID,
    }
)
# Raised while a value is bound: it is the value's fault, and nothing has been written with it.
# (Of text that is being read: see `translated`.)
UNBINDABLE: Final = (UnicodeError, OverflowError, TypeError, apsw.TooBigError)
_PASSING: Final = (apsw.BusyError, apsw.LockedError, apsw.InterruptError, apsw.NoMemError)


def translated(error: Exception) -> StoreError:
    """Return the port's error for a driver's. What is not known to be harmless is StoreBroken."""
    kind = type(error).__name__
    if isinstance(error, StoreError):
        return error
    if isinstance(error, apsw.ConstraintError):
        unique = getattr(error, "extendedresult", 0) in _UNIQUE
        return Conflict("a row is there already") if unique else DataFault(kind)
    if isinstance(error, UnicodeDecodeError):  # SQLite stores text as it comes, and checks nothing
        return DataDamaged(kind)
    if isinstance(error, UNBINDABLE):
        return DataFault(kind)
    if isinstance(error, apsw.FullError):
        return StoreFull("no room on the disk")
    if isinstance(error, _PASSING):
        return StoreUnavailable(kind)
    return StoreBroken(kind)
