"""The transport suite in memory, on grpcio, and through the gate that Envoy calls."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.transport_suite import *  # noqa: F403 - the tests
from tests.contract.transport_suite import Connect
from tests.doubles.chassis_service import Service
from tests.doubles.chassis_wires import MemoryWire, Wire, grpc_wire
from tests.doubles.gate_wire import gate_wire


@pytest.fixture(params=["memory", "grpc", "gate"])
async def connect(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def make(service: Service) -> Wire:
            if request.param == "memory":
                return MemoryWire(service.routes())
            if request.param == "gate":
                return await stack.enter_async_context(gate_wire(service.routes()))
            return await stack.enter_async_context(grpc_wire(service.routes(), tmp_path))

        yield make
