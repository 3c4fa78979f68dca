"""Tell what kind of source is given, and open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vault.adapters.audit_verify.database import open_audit_file
from vault.adapters.audit_verify.dump import open_dump
from vault.adapters.audit_verify.trail import NotReadable, Trail

SERVERS: Final = ("postgresql://", "postgres://")
_SQLITE: Final = b"SQLite format 3\0"


@contextmanager
def open_trail(source: Path | str) -> Iterator[Trail]:
    """Open an SQLite database, a PostgreSQL one by its address, or a dump. Raises NotReadable.

    On PostgreSQL this thread must have no event loop running.
    """
    if isinstance(source, str) and source.startswith(SERVERS):
        # A production extra: an auditor of files needs no driver.
        try:
            from vault.adapters.audit_verify.server import open_server  # noqa: PLC0415
        except ImportError:
            raise NotReadable("the driver is not installed: cardvault-server[production]") from None
        with open_server(source) as trail:
            yield trail
        return
    path = Path(source)
    if _starts_with(path) == _SQLITE:
        with open_audit_file(path) as trail:
            yield trail
    else:
        with open_dump(path) as trail:
            yield trail


def _starts_with(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE))
    except FileNotFoundError:
        raise NotReadable("there is no such file") from None
    except OSError:
        raise NotReadable("the file can't be read") from None
