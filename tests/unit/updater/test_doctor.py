"""`cardvault-updater doctor` over a development site, and what is found where it is spoilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from chassis.config import ConfigInvalid
from chassis.doctor.finding import Finding
from chassis.doctor.report import Report
from updater.cli.commands import updater
from updater.config import UpdaterConfig
from updater.doctor.promises import check_promises
from updater.doctor.service import examine_updater
from vault.cli.commands import cardvault

MACHINE = {"CLOCK_UNSYNCHRONISED", "SWAP_ON", "NOT_CHECKED", "DISK_VOLATILE", "DISK_NEARLY_FULL"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a development site."""
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root}/client")
    for command, name in ((cardvault, "init"), (updater, "migrate")):
        done = CliRunner().invoke(command, [name])
        assert done.exit_code == 0, done.output
    return tmp_path / ".cardvault"


def ids(report: Report) -> set[str]:
    return {found.rule.id for _name, found in report.findings} - MACHINE


async def test_a_development_site_breaks_nothing(site: Path) -> None:
    assert ids(await examine_updater(UpdaterConfig.load())) == set()


def test_the_command(site: Path) -> None:
    done = CliRunner().invoke(updater, ["doctor", "--json"])
    assert {each["id"] for each in json.loads(done.output)["findings"]} <= MACHINE
    (site / "policy.yaml").chmod(0o666)
    assert CliRunner().invoke(updater, ["doctor"]).exit_code == 1


def _a_file_instead(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_bytes(b"")
    directory.chmod(0o600)


SPOILT: dict[str, Callable[[Path], object]] = {
    "SQLITE_DAMAGED": lambda site: (site / "updater.db").write_bytes(b"never a database" * 100),
    "POLICY_WRITABLE": lambda site: (site / "policy.yaml").chmod(0o666),
    "EXCHANGE_KEYS_UNUSABLE": lambda site: (site / "exchange-keys" / "marks.key").unlink(),
    "EXCHANGE_DIRECTORY_UNUSABLE": lambda site: _a_file_instead(site / "exchange"),
    "CERT_UNUSABLE": lambda site: (site / "pki" / "updater.pem").unlink(),
}


@pytest.mark.parametrize("found", SPOILT)
async def test_one_thing_spoilt(site: Path, found: str) -> None:
    SPOILT[found](site)
    report = await examine_updater(UpdaterConfig.load())
    assert ids(report) == {found}
    assert report.broken


@pytest.mark.usefixtures("site")
async def test_production_may_use_sqlite() -> None:
    warned: list[Finding] = []
    config = UpdaterConfig.load(environment="production")
    await check_promises(config, warned.append)
    assert warned == []
    assert ids(await examine_updater(config)) == set()


def test_production_refuses_what_is_for_development() -> None:
    with pytest.raises(ConfigInvalid, match="development features"):
        UpdaterConfig.load(environment="production", development=True)
    assert UpdaterConfig.load(development=True).development
