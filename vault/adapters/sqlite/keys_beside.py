"""Reading wrapped keys beside a vault that serves the file: no lock, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from vault.adapters.sqlite.connection import open_reader
from vault.adapters.sqlite.sql import rows_of
from vault.adapters.sqlite.trail import DATA_KEYS
from vault.crypto.keys import DataKey
from vault.usecases.ports import StoreUnavailable


class KeysBeside:
    """`KeyStore`, of which only the reading half can be had here."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """Return a tenant's keys; `""` is the service's own. Raises StoreUnavailable."""
        try:
            return [DataKey(*row) for row in rows_of(self._db, DATA_KEYS, (tenant,))]
        except apsw.Error:
            raise StoreUnavailable("the database's keys can't be read") from None

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        """Raise StoreUnavailable: whoever serves the file makes its keys."""
        raise StoreUnavailable("this database is open for reading only")


@contextmanager
def open_keys_beside(path: Path) -> Iterator[KeysBeside]:
    """Open the keys of a database that may be in use. Raises StoreUnavailable."""
    if not path.is_file():  # opening it would make one
        raise StoreUnavailable("there is no such database")
    try:
        db = open_reader(path)
    except apsw.Error:
        raise StoreUnavailable("the database can't be opened") from None
    try:
        yield KeysBeside(db)
    finally:
        db.close(force=True)
