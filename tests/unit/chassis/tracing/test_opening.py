"""Opening traces: off by default and then not even loaded; settings; TLS; what is missing."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from chassis.config import ConfigInvalid
from chassis.metrics import ChassisMetrics
from chassis.pki import Leaf, ensure_pki
from chassis.tracing.open import TracingInvalid, open_tracing
from chassis.tracing.settings import TraceSettings
from tests.doubles.chassis_wires import FakeRawCall
from tests.doubles.otlp_receiver import otlp_receiver
from tests.doubles.traces import ASKED, opened
from vault.config import VaultConfig

ROOT = Path(__file__).parents[4]
SERVING = "import sys, vault.cli.serve, updater.cli.serve, vault.wiring, updater.wiring\n"


def test_where_traces_are_off_no_library_of_theirs_is_loaded() -> None:
    found = subprocess.run(
        [sys.executable, "-c", SERVING + "print([m for m in sys.modules if 'opentelemetry' in m])"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout.strip() == "[]"


async def test_off_by_default() -> None:
    assert VaultConfig.load().traces is None
    async with open_tracing(None, ChassisMetrics()) as tracing:
        assert tracing is None


def test_settings_name_a_receiver() -> None:
    config = VaultConfig.load(otlp_endpoint="https://collector:4317", otlp_ca="ca.pem")
    expected = TraceSettings("cardvault", "https://collector:4317", 0.01, 50, Path("ca.pem"))
    assert config.traces == expected


@pytest.mark.parametrize(
    "url", ["collector:4317", "grpc://c:4317", "http://c", "http://c:1/v1/traces", "http://a@c:1"]
)
def test_a_url_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        VaultConfig.load(otlp_endpoint=url)
    assert "CARDVAULT_OTLP_ENDPOINT" in str(refused.value)
    assert url not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://localhost:4317", False),
        ("http://127.0.0.1:4317", False),
        ("http://[::1]:4317", False),
        ("http://collector:4317", True),
        ("https://collector:4317", False),
    ],
)
def test_across_a_network_traces_take_tls(url: str, exposed: bool) -> None:
    traces = VaultConfig.load(otlp_endpoint=url).traces
    assert traces is not None
    assert traces.exposed is exposed
    with pytest.raises(ConfigInvalid) as refused:  # other things, too: the default key is local
        VaultConfig.load(otlp_endpoint=url, environment="production")
    assert ("traces across a network" in str(refused.value)) is exposed


async def test_spans_go_by_tls_to_who_the_ca_vouches_for(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        ensure_pki(tmp_path / name, (Leaf("server", server=True),), now=datetime.now(UTC))
    pki = tmp_path / "ours"
    pair = ((pki / "server.key").read_bytes(), (pki / "server.pem").read_bytes())
    with otlp_receiver(grpc.ssl_server_credentials([pair])) as receiver:
        for ca, arrived in (("theirs", 0), ("ours", 1)):
            url = f"https://localhost:{receiver.port}"
            settings = TraceSettings("test", url, 0.0, 100, tmp_path / ca / "ca.pem")
            async with open_tracing(settings, ChassisMetrics()) as tracing:
                assert tracing is not None
                span = tracing.call_span("a.B/C", FakeRawCall(pairs=ASKED))
                assert span is not None
                span.end()
            assert len(receiver.spans) == arrived


async def test_without_the_library_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    settings = TraceSettings("test", "http://127.0.0.1:4317", 0.0, 100)
    with pytest.raises(TracingInvalid, match=r"cardvault-server\[production\]"):
        async with open_tracing(settings, ChassisMetrics()):
            pass


async def test_a_ca_that_is_not_there_keeps_a_service_from_starting(tmp_path: Path) -> None:
    settings = TraceSettings("test", "https://localhost:4317", 0.0, 100, tmp_path / "none.pem")
    with pytest.raises(FileNotFoundError):
        async with open_tracing(settings, ChassisMetrics()):
            pass


async def test_what_waits_can_be_sent_at_once() -> None:
    with otlp_receiver() as receiver:
        async with opened(receiver) as tracing:
            span = tracing.call_span("a.B/C", FakeRawCall(pairs=ASKED))
            assert span is not None
            span.end()
            assert await tracing.flush()
            assert [each.name for each in receiver.spans] == ["/a.B/C"]
