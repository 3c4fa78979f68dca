"""A Kafka broker and a Redis for the traced vault; PostgreSQL is every part's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chassis.pki import Leaf, ensure_pki
from tests.parts.servers.kafka import KafkaServer, kafka_server
from tests.parts.servers.redis import RedisServer, redis_server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Run a broker."""
    directory = tmp_path_factory.mktemp("kafka-pki")
    ensure_pki(directory, (Leaf("server", server=True), Leaf("app")), now=datetime.now(UTC))
    with kafka_server(directory) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a Redis."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server
