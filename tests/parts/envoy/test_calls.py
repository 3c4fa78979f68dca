"""The transport suite through a real Envoy: every test that grpcio passes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.transport_suite import *  # noqa: F403 - the tests
from tests.contract.transport_suite import Connect
from tests.doubles.chassis_service import Service
from tests.doubles.chassis_wires import Wire, grpc_wire
from tests.doubles.envoy_bridge import BridgedTransport


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def make(service: Service) -> Wire:
            wire = grpc_wire(service.routes(), tmp_path, transport=BridgedTransport(tmp_path))
            return await stack.enter_async_context(wire)

        yield make
