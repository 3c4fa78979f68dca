"""Real servers, one of each kind for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.servers.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run PostgreSQL for the whole session."""
    with postgres_server() as server:
        yield server
