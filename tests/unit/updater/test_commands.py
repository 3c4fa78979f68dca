"""The command line, from an empty directory."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from updater.adapters.openpgp import load_cipher
from updater.cli.commands import updater
from updater.config import UpdaterConfig
from updater.domain.errors import ExchangeKeysUnusable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(updater, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_init_makes_keys_directory_and_database_once(here: Path) -> None:
    assert "made" in run("init")
    keys = here / ".cardvault" / "exchange-keys"
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    assert set(before) == {"updater.tsk", "updater.cert", "acquirer.cert", "marks.key"}
    assert "as they were" in run("init")
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before
    secret = [path for path in keys.iterdir() if path.name in {"updater.tsk", "marks.key"}]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert (here / ".cardvault" / "simulator-keys" / "acquirer.tsk").exists()


def test_keys_that_others_may_read_are_refused(here: Path) -> None:
    run("init")
    keys = here / ".cardvault" / "exchange-keys"
    (keys / "updater.tsk").chmod(0o640)
    with pytest.raises(ExchangeKeysUnusable, match="0600"):
        load_cipher(keys)
    (keys / "updater.tsk").chmod(0o600)
    (keys / "acquirer.cert").write_bytes((keys / "updater.cert").read_bytes())
    with pytest.raises(ExchangeKeysUnusable, match="of its own"):
        load_cipher(keys)
    (keys / "acquirer.cert").write_bytes(b"no key")
    with pytest.raises(ExchangeKeysUnusable):
        load_cipher(keys)


def test_lists_are_empty_at_first_and_bad_ids_are_told(here: Path) -> None:
    run("init")
    assert "Feed files" in run("feeds")
    assert "Exceptions" in run("exceptions")
    assert run("exceptions", "list", "--all", "--json") == run("feeds", "--json") == "[]\n"
    assert "no exception" in run("exceptions", "resolve", "1", "--reason", "done", code=1)
    assert "no such exception" in run("exceptions", "show", "1", code=1)
    assert "no such feed file" in run("feeds", "show", "feed_1", code=1)
    assert "schema" in run("migrate")


def test_check_config_names_what_is_missing(here: Path) -> None:
    assert "policy" in run("check-config", code=1)
    assert "no updater database" in run("feeds", code=1)


def test_check_config_says_which_channels_there_are(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    assert "channel cybersource-au-csv (cybersource-au-csv): good" in run("check-config", code=1)
    file = here / "channels.yaml"
    file.write_text(
        """\
channels:
  - {name: one, format: cybersource-au-csv, exchange_directory: .cardvault/exchange,
     shadow: {tenants: [demo, second], bins: ["411111", "411112"]}}
  - {name: two, format: mes-aus-124, exchange_directory: channels.yaml, exchange_keys: nowhere,
     brands: [VISA], shadow: {everything: true}}
  - {name: three, format: cybersource-au-csv, exchange_directory: policy.yaml}
"""
    )
    (here / "policy.yaml").write_text("")
    monkeypatch.setenv("CARDVAULT_UPDATER_CHANNELS", str(file))
    told = run("check-config", code=1)
    one = "channel one (cybersource-au-csv; in the shadow: 2 tenants, 2 card ranges): good"
    assert one in told
    assert "channel two (mes-aus-124; in the shadow: everything): " in told
    assert "two (mes-aus-124; in the shadow: everything): good" not in told
    assert "channel three (cybersource-au-csv): policy.yaml: not a directory" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MERCHANT_IDS", '{"demo/shop": "has.dots"}'),
        ("MERCHANT_IDS", '{"demo": "shop"}'),
        ("TENANTS", "[]"),
        ("BRANDS", '["UNKNOWN"]'),
        ("POLL_INTERVAL", "0"),
        ("DATABASE_URL", "mysql://x"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_bad_setting_is_named_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CARDVAULT_UPDATER_{name}", value)
    output = run("check-config", code=1)
    assert "CARDVAULT_UPDATER_" in output
    assert "has.dots" not in output
    assert "mysql" not in output


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDVAULT_UPDATER_MERCHANT_IDS", '{"demo/shop": "acq-1"}')
    monkeypatch.setenv("CARDVAULT_UPDATER_TENANTS", '["demo", "second"]')
    config = UpdaterConfig.load()
    assert config.channel_settings[0].merchants == {("demo", "shop"): "acq-1"}
    assert config.tenants == ("demo", "second")


def test_the_simulator_is_one_of_the_commands() -> None:
    assert "simulate" in run("--help")
    assert "seed" in run("simulate", "--help")
