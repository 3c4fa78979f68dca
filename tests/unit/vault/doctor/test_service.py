"""`cardvault doctor` over a whole development site, and what is found where it is spoilt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from chassis.doctor.report import Report
from vault.adapters.kms.address import KmsSettings
from vault.cli.commands import cardvault
from vault.config import VaultConfig
from vault.doctor.keys import keys_subject
from vault.doctor.service import examine_vault

# What this machine is, no test can help.
MACHINE = {"CLOCK_UNSYNCHRONISED", "SWAP_ON", "NOT_CHECKED", "DISK_VOLATILE", "DISK_NEARLY_FULL"}
DEVELOPMENT = {"KMS_LOCAL"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a development site."""
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[4]  # `init` runs the updater's part as a process of its own
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root}/client")
    done = CliRunner().invoke(cardvault, ["init"])
    assert done.exit_code == 0, done.output
    return tmp_path / ".cardvault"


def ids(report: Report) -> set[str]:
    return {found.rule.id for _name, found in report.findings} - MACHINE


async def test_a_development_site_breaks_nothing(site: Path) -> None:
    report = await examine_vault(VaultConfig.load())
    assert ids(report) == DEVELOPMENT
    assert not report.broken
    assert report.subjects == (
        *("database", "security codes", "events", "keys", "certificates", "policy", "host"),
    )


def _damage(site: Path) -> None:
    (site / "vault.db").write_bytes(b"this was never a database" * 100)


def _policy(site: Path) -> None:
    (site / "policy.yaml").write_text("principals: nonsense")


SPOILT: dict[str, Callable[[Path], object]] = {
    "SQLITE_DAMAGED": _damage,
    "POLICY_UNUSABLE": _policy,
    "POLICY_WRITABLE": lambda site: (site / "policy.yaml").chmod(0o666),
    "KMS_UNUSABLE": lambda site: (site / "local-kms.key").unlink(),
    "CERT_UNUSABLE": lambda site: (site / "pki" / "server.pem").unlink(),
    "FILE_OPEN_TO_OTHERS": lambda site: (site / "pki" / "server.key").chmod(0o644),
}


@pytest.mark.parametrize("found", SPOILT)
async def test_one_thing_spoilt(site: Path, found: str) -> None:
    SPOILT[found](site)
    report = await examine_vault(VaultConfig.load())
    assert ids(report) == {found} | DEVELOPMENT
    assert report.broken


async def test_several_processes_and_nothing_kept(site: Path) -> None:
    config = VaultConfig.load(database_url="memory:")
    report = await examine_vault(config, processes=2, hostname="vault.example")
    assert ids(report) == {"STORE_IN_MEMORY", "CODES_IN_PROCESS", "CERT_NAME"} | DEVELOPMENT
    assert report.broken


async def test_what_a_key_services_login_may_do_is_not_tried(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hush")
    token.chmod(0o644)
    found = await keys_subject(
        KmsSettings("vault-transit:http://127.0.0.1:1/transit/cards", token_file=token)
    )
    assert {each.rule.id for each in found} == {
        "KMS_UNUSABLE",
        "KMS_RIGHTS",
        "FILE_OPEN_TO_OTHERS",
    }
    assert "hush" not in str([each.fields() for each in found])


def test_the_command(site: Path) -> None:
    done = CliRunner().invoke(cardvault, ["doctor"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("looked at database, ")
    strict = CliRunner().invoke(cardvault, ["doctor", "--strict"])
    assert strict.exit_code == 1
    _policy(site)
    broken = CliRunner().invoke(cardvault, ["doctor", "--json"])
    assert broken.exit_code == 1
    read = json.loads(broken.output)
    assert read["findings"][0]["id"] == "POLICY_UNUSABLE"
    assert read["v"] == 1
