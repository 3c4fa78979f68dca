"""`init`, `policy check`, `check-config`, `migrate`, `serve`: what an operator runs first."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from chassis.endings import until_signalled
from tests.doubles.vault_site import site_config
from tools.running.ports import free_ports
from tools.running.process import is_ready
from vault.cli.commands import cardvault
from vault.wiring import running_vault

LEFT = {"vault.db", "vault.db.lock", "audit-public.pem", "local-kms.key", "policy.yaml", "pki"}


def _run(*arguments: str, env: dict[str, str | None] | None = None) -> Result:
    return CliRunner().invoke(cardvault, arguments, env=env)


def _env(data: Path, **more: str) -> dict[str, str | None]:
    """Return the settings for what `init` made in `data`."""
    return {
        "CARDVAULT_POLICY": str(data / "policy.yaml"),
        "CARDVAULT_TLS_CA": str(data / "pki" / "ca.pem"),
        "CARDVAULT_TLS_CERTIFICATE": str(data / "pki" / "server.pem"),
        "CARDVAULT_TLS_KEY": str(data / "pki" / "server.key"),
        "CARDVAULT_KMS_KEY": f"local:{data / 'local-kms.key'}",
        "CARDVAULT_DATABASE_URL": f"sqlite:///{data / 'vault.db'}",
        **more,
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that `init` made, in an environment that finds our packages."""
    data = tmp_path_factory.mktemp("init") / "data"
    result = _run("init", "--dir", str(data), env=_found())
    assert result.exit_code == 0, result.output
    assert "pki: made server, app, psp, updater, operator" in result.output.replace("ca, ", "")
    return data


def _found() -> dict[str, str | None]:
    root = Path(__file__).parents[4]
    return {"PYTHONPATH": f"{root}:{root / 'client'}"}


def test_init_makes_what_serving_needs_and_repeats_safely(data: Path) -> None:
    assert {path.name for path in data.iterdir()} >= LEFT
    assert (data / "local-kms.key").stat().st_mode & 0o777 == 0o600
    before = {name: (data / name).read_bytes() for name in ("local-kms.key", "audit-public.pem")}
    again = _run("init", "--dir", str(data), env=_found())
    assert again.exit_code == 0
    assert "pki: as it was" in again.output
    assert {name: (data / name).read_bytes() for name in before} == before


def test_a_good_configuration_can_be_served(data: Path) -> None:
    result = _run("check-config", env=_env(data))
    assert result.exit_code == 0, result.output
    assert "policy: 4 principals" in result.output
    assert "the configuration can be served" in result.output


def test_a_bad_configuration_is_named_part_by_part(tmp_path: Path) -> None:
    result = _run("check-config", env=_env(tmp_path))
    assert result.exit_code == 1
    for part in ("policy: No such file", "certificate: a TLS file can't be read", "key: "):
        assert part in result.output


def test_a_bad_setting_is_named_without_its_value(data: Path) -> None:
    result = _run("check-config", env=_env(data, CARDVAULT_MAX_IN_FLIGHT="many-many"))
    assert result.exit_code == 2
    assert "CARDVAULT_MAX_IN_FLIGHT" in result.output
    assert "many-many" not in result.output


def test_migrate_says_where_the_schema_stands(data: Path) -> None:
    result = _run("migrate", env=_env(data))
    assert (result.exit_code, "is at this version's schema" in result.output) == (0, True)
    result = _run("migrate", env=_env(data, CARDVAULT_DATABASE_URL="memory:"))
    assert (result.exit_code, "nothing to migrate" in result.output) == (0, True)


def test_the_updater_may_undo_what_it_brought(data: Path) -> None:
    roles = yaml.safe_load((data / "policy.yaml").read_text())["roles"]
    assert {"apply_updates", "revert_updates"} <= set(roles["updater"]["allow"])


def test_answers_are_remembered_for_as_long_as_their_files_can_be_undone(data: Path) -> None:
    env = _env(data, CARDVAULT_SUPERSEDED_RETENTION="P1D", CARDVAULT_ANSWER_RETENTION="P30D")
    result = _run("check-config", env=env)
    assert result.exit_code != 0
    assert "31 days" in result.output


def test_a_policy_is_shown_or_refused(data: Path, tmp_path: Path) -> None:
    result = _run("policy", "check", str(data / "policy.yaml"))
    assert result.exit_code == 0
    assert "spiffe" in result.output
    bad = tmp_path / "bad.yaml"
    bad.write_text("principals: nobody")
    result = _run("policy", "check", str(bad))
    assert (result.exit_code, "Error:" in result.output) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_a_signal_comes(tmp_path: Path, number: signal.Signals) -> None:
    (port,) = free_ports(1)
    config = site_config(tmp_path, ops_listen=f"127.0.0.1:{port}")
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(until_signalled(running_vault(config)))
        while not await is_ready(config.ops_listen):
            assert not serving.done()
            await asyncio.sleep(0.02)
        os.kill(os.getpid(), number)
    assert not await is_ready(config.ops_listen)
