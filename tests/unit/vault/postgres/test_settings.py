"""Settings for PostgreSQL: what is accepted, what reaches a session, what is never shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from chassis.config import ConfigInvalid
from tests.doubles.vault_site import site_config
from vault.adapters.postgres.address import Address

URL = "postgresql://vault_app:swordfish@db-a:5432,db-b:5432/vault"


def test_a_url_and_its_times_reach_the_address(tmp_path: Path) -> None:
    config = site_config(
        tmp_path,
        database_url=URL,
        database_connections=9,
        database_lock_timeout=timedelta(seconds=1.5),
        database_flush_timeout=timedelta(seconds=7),
    )
    assert config.sqlite_path is None
    assert config.postgres == Address(URL, connections=9, lock_s=1.5, flush_s=7.0)


def test_the_embedded_store_stays_the_default(tmp_path: Path) -> None:
    assert site_config(tmp_path).postgres is None
    assert site_config(tmp_path, database_url="memory:").postgres is None


def test_no_password_is_shown(tmp_path: Path) -> None:
    config = site_config(tmp_path, database_url=URL)
    assert "swordfish" not in repr(config)
    assert "swordfish" not in repr(config.postgres)


@pytest.mark.parametrize("url", ["postgres://x/y", "mysql://x/y", "postgresql://"])
def test_other_urls_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigInvalid):
        site_config(tmp_path, database_url=url)


def test_a_session_plans_for_keys_and_waits_for_no_lock_for_long() -> None:
    settings = Address(URL, lock_s=0.25).settings()
    assert settings["lock_timeout"] == "250"
    assert settings["plan_cache_mode"] == "force_generic_plan"
    assert settings["jit"] == "off"
    assert Address(URL).settings(listing=True)["plan_cache_mode"] == "auto"
