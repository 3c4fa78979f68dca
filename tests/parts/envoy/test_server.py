"""The server suite through a real Envoy: TLS, limits, health, drain, renewed certificates."""

from pathlib import Path

import pytest

from chassis.transport import Transport
from tests.contract.transport_server_suite import *  # noqa: F403 - the tests
from tests.doubles.envoy_bridge import BridgedTransport


@pytest.fixture
def transport(tmp_path: Path) -> Transport:
    return BridgedTransport(tmp_path)
