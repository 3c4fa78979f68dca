"""One server a database: an advisory lock on `<db>.lock`, gone with the process that held it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vault.usecases.ports import StoreError


class DatabaseInUse(StoreError):
    """Another process serves this database."""


@contextmanager
def exclusive(database: Path) -> Iterator[None]:
    """Hold the database's lock. Raises DatabaseInUse at once where another process has it.

    The lock file stays: removing it would let two processes lock two files of one name.
    """
    path = database.with_name(database.name + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatabaseInUse("another process has this database open") from None
        yield
    finally:
        os.close(descriptor)
