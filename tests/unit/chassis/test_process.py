"""The process around a service: environment, core dumps, loop, settings, probes."""

import asyncio
import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import cardvault
import pytest
from cardvault import service_config
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.address import split_address
from chassis.channel import channel_options, service_config_json, tenant_metadata
from chassis.clock import SystemClock
from chassis.config import ConfigInvalid, ServiceConfig
from chassis.metrics import ChassisMetrics
from chassis.ops import MAX_THREADS, Probes, serving_ops
from chassis.runtime import UNSAFE_VARIABLES, prepare_environment, run
from tests.doubles.clocks import FakeClock


def in_a_process(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[3],
        env={"PATH": "/usr/bin", "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )
    return done.stdout.strip()


def test_variables_that_make_grpc_talk_are_dropped() -> None:
    code = (
        "import os; from chassis.runtime import prepare_environment; prepare_environment();"
        "print(sorted(k for k in os.environ if k.startswith('GRPC')))"
    )
    assert in_a_process(code, GRPC_TRACE="all", GRPC_VERBOSITY="debug") == "[]"


def test_a_talkative_process_is_silenced_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", sys)  # loaded, whatever the other tests did
    for name in UNSAFE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    prepare_environment()
    monkeypatch.setenv("GRPC_TRACE", "http")
    with pytest.raises(RuntimeError, match="before grpc is imported"):
        prepare_environment()
    prepare_environment()  # it is gone


def test_dropping_them_too_late_is_an_error() -> None:
    code = (
        "import grpc; from chassis.runtime import prepare_environment\n"
        "try: prepare_environment()\n"
        "except RuntimeError as error: print(error)"
    )
    assert "before grpc is imported" in in_a_process(code, GRPC_TRACE="http")
    assert in_a_process(code) == ""


def test_a_process_leaves_no_core() -> None:
    code = (
        "import resource; from chassis.runtime import forbid_core_dumps\n"
        "print(forbid_core_dumps(), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    assert in_a_process(code) == "True (0, 0)"


def test_importing_the_chassis_does_nothing() -> None:
    code = (
        "import socket, threading, logging, pkgutil, importlib, chassis\n"
        "def no(*a, **k): raise AssertionError('a socket at import')\n"
        "before = logging.getLogger().handlers[:]\n"
        "socket.socket.connect = socket.socket.bind = no\n"
        "for m in pkgutil.iter_modules(chassis.__path__):\n"
        "    importlib.import_module('chassis.' + m.name)\n"
        "print(threading.active_count(), logging.getLogger().handlers == before)"
    )
    assert in_a_process(code) == "1 True"


def test_the_chassis_imports_no_service_and_no_generated_code() -> None:
    code = (
        "import pkgutil, importlib, sys, chassis\n"
        "for m in pkgutil.iter_modules(chassis.__path__):\n"
        "    importlib.import_module('chassis.' + m.name)\n"
        "print(sorted({n.split('.')[0] for n in sys.modules}"
        " & {'vault', 'updater', 'cards', 'cardvault'}))"
    )
    assert in_a_process(code) == "[]"


def test_a_service_runs_on_one_loop_and_returns() -> None:
    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(main()) == "uvloop" if sys.platform == "linux" else "asyncio"


def test_clocks_agree() -> None:
    clock, fake = SystemClock(), FakeClock(5)
    assert abs(clock.now_us() - SystemClock().now_us()) < 60_000_000
    assert clock.monotonic() <= clock.monotonic()
    before = fake.monotonic()
    fake.advance(timedelta(milliseconds=1))
    fake.advance(0.001)
    assert fake.now_us() == 2005
    assert fake.monotonic() == pytest.approx(before + 0.002)
    with pytest.raises(ValueError, match="never goes back"):
        fake.advance(-1.0)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:50051", ("127.0.0.1", 50051)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
    ids=["v4", "v6", "name"],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":1", "host", "host:", "host:x", "host:65536", "::1:5", "h:٣", "h:-1"], ids=ascii
)
def test_odd_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port|brackets"):
        split_address(text)


class Config(ServiceConfig):
    model_config = SettingsConfigDict(env_prefix="CHASSISTEST_")

    listen: str = "127.0.0.1:50051"
    ops_listen: str = "127.0.0.1:9451"
    health_listen: str = "127.0.0.1:50061"
    database_url: str = "sqlite:///test.db"
    service_name = "test"
    password: SecretStr = SecretStr("")


def test_settings_come_from_the_environment_and_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHASSISTEST_LISTEN", "0.0.0.0:1")
    monkeypatch.setenv("CHASSISTEST_DRAIN_TIMEOUT", "PT7S")
    config = Config.load()
    assert config.listen == "0.0.0.0:1"
    assert config.drain_timeout == timedelta(seconds=7)
    assert not config.development
    assert config.tls.ca.name == "ca.pem"
    with pytest.raises(ValueError, match="frozen"):
        config.listen = "x"


def test_settings_come_from_secret_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CHASSISTEST_PASSWORD").write_text("from a file")
    assert Config.load(_secrets_dir=tmp_path).password.get_secret_value() == "from a file"
    monkeypatch.setenv("CHASSISTEST_PASSWORD", "from the environment")
    found = Config.load(_secrets_dir=tmp_path).password.get_secret_value()
    assert found == "from the environment"


def test_no_secrets_directory_is_no_warning(tmp_path: Path) -> None:
    assert Config.load(_secrets_dir=tmp_path / "none").password.get_secret_value() == ""


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"listen": "hunter2"}, "CHASSISTEST_LISTEN: "),
        ({"max_in_flight": "hunter2"}, "CHASSISTEST_MAX_IN_FLIGHT: "),
        ({"max_in_flight": 0}, "CHASSISTEST_MAX_IN_FLIGHT: "),
        ({"log_level": "hunter2"}, "CHASSISTEST_LOG_LEVEL: "),
        ({"default_deadline": 0}, "CHASSISTEST_DEFAULT_DEADLINE: "),
        ({"drain_timeout": 60}, "28 seconds"),
        ({"endpoint_delay": -1}, "negative"),
    ],
    ids=["address", "kind", "range", "choice", "nothing", "too long", "negative"],
)
def test_bad_settings_are_named_and_not_printed(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        Config.load(**values)
    assert problem in str(caught.value)
    printed = "hunter2" in str(caught.value)
    assert not printed
    assert caught.value.__context__ is None


class Ops:
    """A running ops server and what it is told."""

    def __init__(self) -> None:
        self.metrics = ChassisMetrics()
        self.age = 0.0
        self.missing: list[str] = []
        self.port = 0

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()


@pytest.fixture
def ops() -> Iterator[Ops]:
    state = Ops()
    probes = Probes(state.metrics.registry, lambda: state.age, lambda: state.missing)
    with serving_ops("127.0.0.1:0", probes) as port:
        state.port = port
        yield state


def test_a_living_loop_is_healthy_whatever_else_is_missing(ops: Ops) -> None:
    ops.missing = ["database"]
    assert ops.get("/healthz") == (200, "ok\n")
    ops.age = 60.0
    assert ops.get("/healthz") == (503, "missing: event loop\n")


def test_readiness_names_what_is_missing(ops: Ops) -> None:
    assert ops.get("/readyz?verbose") == (200, "ok\n")
    ops.missing = ["writer", "keys"]
    assert ops.get("/readyz") == (503, "missing: writer\nmissing: keys\n")


def test_metrics_are_served(ops: Ops) -> None:
    ops.metrics.unknown_method()
    ops.metrics.loop_lag.set(0.25)
    status, body = ops.get("/metrics")
    assert status == 200
    assert "cardvault_event_loop_lag_seconds 0.25" in body
    assert 'rpc_method="_OTHER",rpc_response_status_code="UNIMPLEMENTED"} 1.0' in body


def test_other_paths_and_methods_are_refused(ops: Ops) -> None:
    assert ops.get("/")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", ops.port, timeout=10)
    connection.request("POST", "/metrics", body=b"x")
    assert connection.getresponse().status == 501
    connection.close()


def test_idle_connections_do_not_stop_the_probes(ops: Ops) -> None:
    idle = [socket.create_connection(("127.0.0.1", ops.port)) for _ in range(7)]
    assert ops.get("/healthz")[0] == 200
    for connection in idle:
        connection.close()


def test_connections_beyond_the_bound_are_hung_up_on(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.ops.SOCKET_TIMEOUT", 0.1)
    idle = [socket.create_connection(("127.0.0.1", ops.port)) for _ in range(MAX_THREADS)]
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ops.get("/healthz")
    for connection in idle:
        connection.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(http.client.RemoteDisconnected, ConnectionResetError):
            assert ops.get("/healthz")[0] == 200
            return
    raise AssertionError("the places were not given back")


def test_a_taken_port_is_an_error(ops: Ops) -> None:
    probes = Probes(ops.metrics.registry, lambda: 0.0, lambda: ())
    with pytest.raises(OSError, match="in use"), serving_ops(f"127.0.0.1:{ops.port}", probes):
        raise AssertionError("two servers on one port")


def test_the_service_config_is_the_documented_one() -> None:
    config = json.loads(service_config())
    assert json.loads(service_config_json()) == config
    (method,) = config["methodConfig"]
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert config["retryThrottling"] == {"maxTokens": 100, "tokenRatio": 0.1}
    assert method == {
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 4,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }
    assert tenant_metadata("demo") == (("cardvault-tenant", "demo"),)


def test_the_services_connect_as_clients_do() -> None:
    ours, theirs = dict(channel_options()), dict(cardvault.channel_options())
    assert json.loads(str(ours.pop("grpc.service_config"))) == json.loads(
        str(theirs.pop("grpc.service_config"))
    )
    assert ours == theirs
