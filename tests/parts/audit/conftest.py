"""One history in a database of its own; each test gets a copy, and an auditor's way in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.doubles.audit_database import write_history
from tests.doubles.audit_postgres import save_to_postgres
from tests.doubles.vault_ports_audit import FakeAuditStore
from tests.parts.servers.postgres import PostgresServer, as_superuser

_numbers = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--tamper-places`: how many records each kind of tampering is tried on."""
    parser.addoption("--tamper-places", type=int, default=3)


@pytest.fixture
def places(request: pytest.FixtureRequest) -> int:
    """Return how many records each kind of tampering is tried on."""
    return int(request.config.getoption("--tamper-places", 3))


@pytest.fixture(scope="package")
def store() -> FakeAuditStore:
    """Make three processes' audit, of 108 records each."""
    made = FakeAuditStore()
    asyncio.run(write_history(made))
    return made


@pytest.fixture(scope="package")
def template(postgres: PostgresServer, store: FakeAuditStore) -> Iterator[str]:
    """Save it in a database; return its name."""
    dsn = asyncio.run(postgres.database())
    asyncio.run(save_to_postgres(store, as_superuser(dsn)))
    asyncio.run(postgres.admin("CREATE ROLE auditor LOGIN IN ROLE cardvault_auditing"))
    yield dsn.rpartition("/")[2]
    asyncio.run(postgres.admin("DROP ROLE auditor"))


@pytest.fixture
def copied(postgres: PostgresServer, template: str) -> Iterator[Callable[[], str]]:
    """Return what makes a copy; it returns the superuser's way into it."""
    made: list[str] = []

    def copy() -> str:
        made.append(f"audit_copy_{next(_numbers)}")
        asyncio.run(postgres.admin(f"CREATE DATABASE {made[-1]} TEMPLATE {template}"))
        return postgres.dsn(made[-1])

    yield copy
    for name in made:
        asyncio.run(postgres.admin(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def dsn(copied: Callable[[], str]) -> str:
    """Return the superuser's way into a copy."""
    return copied()


def as_auditor(dsn: str) -> str:
    """Return the auditor's way into a database."""
    return dsn.replace("postgres@", "auditor@")
