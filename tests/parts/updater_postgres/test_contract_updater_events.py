"""The tests of `tests/contract/test_updater_events.py`, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.test_updater_events import *  # noqa: F403 - the tests are the suite's own
from tests.parts.updater_postgres.opening import working
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.rpc.events_out import encode_event

del engine  # noqa: F821 - these run on the one below


@pytest.fixture(name="engine", params=["calls", "bench"])
async def telling(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Engine]:
    """Open the updater's store with an outbox."""
    async with open_postgres(Address(dsn), encode_event) as opened:
        yield opened if request.param == "calls" else await working(opened)
