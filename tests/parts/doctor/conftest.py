"""A good cluster, a bad server, and the ids of what is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.doctor.servers import Primary, cluster, misconfigured
from tests.parts.servers.postgres import PostgresServer


@pytest.fixture(scope="package")
def primary() -> Iterator[Primary]:
    """Run the good cluster."""
    with cluster() as made:
        yield made


@pytest.fixture(scope="package")
def bad() -> Iterator[PostgresServer]:
    """Run the bad server."""
    with misconfigured() as server:
        yield server
