"""A store's audit as a database file, and that file open to be tampered with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.doubles.audit_database import save
from tests.doubles.vault_ports_audit import FakeAuditStore


@pytest.fixture
def path(store: FakeAuditStore, tmp_path: Path) -> Path:
    """Write the database of the asking module's store."""
    path = tmp_path / "vault.db"
    save(store, path)
    return path


@pytest.fixture
def db(path: Path) -> Iterator[apsw.Connection]:
    """Open it."""
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()
