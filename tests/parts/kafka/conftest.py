"""A real Kafka broker for all tests of this part, and a topic and a database for each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from chassis.pki import Leaf, ensure_pki
from tests.parts.servers.kafka import KafkaServer, kafka_server
from tests.parts.servers.postgres import PostgresServer

_numbers = count(1)


@pytest.fixture(scope="session")
def kafka_pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of certificates: the broker's, and a client's."""
    directory = tmp_path_factory.mktemp("kafka-pki")
    ensure_pki(directory, (Leaf("server", server=True), Leaf("app")), now=datetime.now(UTC))
    return directory


@pytest.fixture(scope="session")
def kafka(kafka_pki: Path) -> Iterator[KafkaServer]:
    """Run a broker for the whole session; tests that kill it start it again."""
    with kafka_server(kafka_pki) as server:
        yield server


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Return how often to kill."""
    return int(request.config.getoption("--kafka-kills"))


@pytest.fixture
def backlog(request: pytest.FixtureRequest) -> int:
    """Return how many events wait, in whole tokens of five."""
    return int(request.config.getoption("--kafka-backlog")) // 5 * 5


@pytest.fixture
def topic(kafka: KafkaServer) -> str:
    """Make a topic."""
    name = f"cards-{next(_numbers)}"
    kafka.topic(name)
    return name


@pytest.fixture
async def dsn(postgres: PostgresServer) -> str:
    """Return a migrated database's DSN."""
    return await postgres.database()
