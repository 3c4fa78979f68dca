"""Processes are replaced under load, and no caller sees an error: 16 times in each test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.servers.postgres import PostgresServer
from tests.parts.workers.load import Report
from tests.parts.workers.rolling import servers_restarted, workers_replaced
from tests.parts.workers.site import TRANSPORTS

RESTARTS = 4  # each way; `python -m tests.parts.workers.rolling --restarts 200` does more


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", [workers_replaced, servers_restarted], ids=["workers", "servers"])
async def test_nobody_notices(
    way: Callable[..., object],
    transport: str,
    tmp_path: Path,
    postgres: PostgresServer,
    record_property: Callable[[str, object], None],
) -> None:
    report = await way(tmp_path, postgres, RESTARTS, transport)  # type: ignore[misc]
    assert isinstance(report, Report)
    record_property("said", f"{RESTARTS} restarts, {transport}: {report}")
    assert report.errors == []
    assert report.wrong == []
    assert min(report.calls.values()) > RESTARTS
    assert len(report.calls) == 12
