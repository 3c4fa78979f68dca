"""Real servers, one of each kind for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.servers.memory import roomy
from tests.parts.servers.postgres import PostgresServer, postgres_server
from tests.parts.servers.updater_databases import UpdaterDatabases


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what makes the runs longer than the usual one."""
    parser.addoption("--updater-kills", type=int, default=10, help="deaths during a cycle")
    parser.addoption("--kafka-kills", type=int, default=10, help="kills of each kind")
    parser.addoption("--kafka-backlog", type=int, default=10_000, help="events to drain")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run PostgreSQL for the whole session."""
    with postgres_server(place=roomy()) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer) -> UpdaterDatabases:
    """Make the updater's databases on that server."""
    return UpdaterDatabases(postgres)
