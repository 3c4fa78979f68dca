"""The services accept what the chart gives them: every name, every value, every file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args, get_origin

import pytest

from chassis.config import ConfigInvalid, ServiceConfig
from chassis.pki import Leaf, ensure_pki
from tests.doubles.kms_transit import TransitKey, transit_server
from tests.kit.charts.pod import NotMounted, Pod, Secrets
from tests.kit.charts.rendering import (
    ROOT,
    Manifest,
    changed,
    of_kind,
    render,
    rendered,
    shape,
)
from tests.kit.charts.settings_names import SERVICES
from tools.running.site import IMPORTS
from updater.adapters.marks import make_marks_key
from updater.adapters.openpgp import make_exchange_keys
from updater.config import UpdaterConfig
from vault.config import VaultConfig

CASES = [("minimal", "vault"), ("everything", "vault"), ("everything", "updater")]
PREFIXES = {"vault": "CARDVAULT_", "updater": "CARDVAULT_UPDATER_"}


@pytest.fixture(autouse=True)
def _nothing_of_the_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("CARDVAULT_", "PG"))]:  # noqa: TID251 - to be emptied
        monkeypatch.delenv(name)


def paths(service: str) -> frozenset[str]:
    """Return the variables of a service that name files."""
    found = set()
    for name, field in SERVICES[service].model_fields.items():
        kind = field.annotation
        kinds = set(get_args(kind)) - {NoneType} if get_origin(kind) is UnionType else {kind}
        if kinds == {Path}:
            found.add(PREFIXES[service] + name.upper())
    return frozenset(found)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Return Secrets as somebody would make them, for every name in ci/*.yaml."""
    pki = tmp_path / "pki"
    ensure_pki(pki, (Leaf("server", server=True), Leaf("client")), now=datetime.now(UTC))
    keys = tmp_path / "keys"
    make_exchange_keys(keys)
    make_marks_key(keys)

    def pair(name: str) -> Mapping[str, bytes]:
        return {
            "ca.crt": (pki / "ca.pem").read_bytes(),
            "tls.crt": (pki / f"{name}.pem").read_bytes(),
            "tls.key": (pki / f"{name}.key").read_bytes(),
        }

    given = ("updater.tsk", "acquirer.cert", "marks.key")
    return {
        "vault-tls": pair("server"),
        "updater-tls": pair("server"),
        "updater-client": pair("client"),
        "vault-pg": pair("client"),
        "vault-kafka": pair("client"),
        "vault-token": {"token": b"hvs.test", "ca.crt": pair("server")["ca.crt"]},
        "updater-pg-ca": {"ca.crt": pair("server")["ca.crt"]},
        "vault-redis": {"codes": b"rediss://v:p@redis.example", "cache": b"rediss://v:p@c.example"},
        "acquirer-keys": {name: (keys / name).read_bytes() for name in given},
    }


def pod_of(manifests: list[Manifest], service: str, tmp_path: Path, secrets: Secrets) -> Pod:
    root = tmp_path / f"pod-{service}"
    root.mkdir()
    return Pod.made(manifests, f"pay-cardvault-{service}", root, secrets)


@pytest.mark.parametrize(("name", "service"), CASES)
def test_every_variable_is_a_setting(name: str, service: str) -> None:
    fields = {PREFIXES[service] + field.upper() for field in SERVICES[service].model_fields}
    config = of_kind(rendered(name), "ConfigMap")[f"pay-cardvault-{service}"]["data"]
    assert set(config) - fields == set()


@pytest.mark.parametrize(("name", "service"), CASES)
def test_the_service_accepts_the_values(
    name: str, service: str, tmp_path: Path, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = pod_of(list(rendered(name)), service, tmp_path, secrets)
    [container] = pod.spec["containers"]
    for variable, text in pod.environment(paths(service)).items():
        monkeypatch.setenv(variable, text)
    mounted = tmp_path / "run-secrets"  # where the container has /run/secrets
    mounted.mkdir()
    for mount in container["volumeMounts"]:
        if mount["mountPath"].startswith("/run/secrets/"):
            file = mounted / mount["mountPath"].removeprefix("/run/secrets/")
            file.write_bytes(pod.here(container, mount["mountPath"]).read_bytes())
    config = SERVICES[service].load(_secrets_dir=mounted)
    assert config.environment == "production"
    assert config.postgres is not None if isinstance(config, VaultConfig | UpdaterConfig) else False
    for field, value in config:
        if isinstance(value, Path) and field in config.model_fields_set:
            assert value.exists(), field
    if isinstance(config, VaultConfig):
        assert (config.redis is not None) == (name == "everything")
        assert (config.views is not None) == (name == "everything")
    expected = shape(name)[service].get("settings", {})
    assert config.max_in_flight == expected.get("MAX_IN_FLIGHT", 512)


def test_a_path_that_no_mount_holds_is_found(tmp_path: Path, secrets: Secrets) -> None:
    manifests = render(changed(shape("minimal"), "vault.settings", {"KMS_CA": "/etc/kms/ca.crt"}))
    pod = pod_of(manifests, "vault", tmp_path, secrets)
    with pytest.raises(NotMounted, match="/etc/kms"):
        pod.environment(paths("vault"))


@pytest.mark.parametrize(("name", "service"), CASES)
def test_migrate_accepts_its_environment(
    name: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = of_kind(rendered(name), "Job")[f"pay-cardvault-{service}-migrate"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate"]
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "from a secret"))
    config: ServiceConfig = SERVICES[service].load()
    assert "_owner@" in config.database_url
    assert config.environment == "production"


def checked(service: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the service's own check-config."""
    return subprocess.run(
        [sys.executable, "-m", service, "check-config"],
        cwd=ROOT,
        env={**IMPORTS, "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_config_of_the_vault_is_content(tmp_path: Path, secrets: Secrets) -> None:
    with transit_server() as server:
        server.keys["transit/cardvault"] = TransitKey()
        server.allow("hvs.test", "transit/cardvault")
        values = changed(
            shape("minimal"), "vault.kmsKey", f"vault-transit:{server.url}/transit/cardvault"
        )
        values = changed(values, "vault.secretFiles", {"kms": "vault-token"})
        token = "/etc/cardvault/files/kms/token"
        manifests = render(changed(values, "vault.settings", {"KMS_TOKEN_FILE": token}))
        pod = pod_of(manifests, "vault", tmp_path, secrets)
        done = checked("vault", pod.environment(paths("vault")))
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "policy: 1 principals"
    assert "the configuration can be served" in done.stdout


def test_check_config_of_the_updater_is_content(tmp_path: Path, secrets: Secrets) -> None:
    pod = pod_of(list(rendered("everything")), "updater", tmp_path, secrets)
    environment = pod.environment(paths("updater"))
    before = checked("updater", environment)
    assert before.returncode == 1
    assert "exchange key" in before.stderr
    pod.prepare()
    done = checked("updater", environment)
    assert done.stderr == ""
    assert "the configuration can be served" in done.stdout


def test_the_ways_to_stop_fit_into_the_grace() -> None:
    for name, service in CASES:
        shutdown = shape(name)[service].get("shutdown", {"endpointDelay": 5, "drainTimeout": 20})
        deployment = of_kind(rendered(name), "Deployment")[f"pay-cardvault-{service}"]
        grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace >= 30
        assert grace >= sum(shutdown.values()) + 5


def test_a_bad_value_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = render(changed(shape("minimal"), "vault.settings", {"MAX_IN_FLIGHT": 0}))
    for name, text in of_kind(manifests, "ConfigMap")["pay-cardvault-vault"]["data"].items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ConfigInvalid, match="MAX_IN_FLIGHT"):
        VaultConfig.load()
