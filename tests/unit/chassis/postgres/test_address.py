"""Addresses of several hosts, and what is asked of sessions with and without a pooler."""

from __future__ import annotations

import pytest

from chassis.postgres.address import Address, hosts_of
from vault.adapters.postgres.address import SETTINGS
from vault.adapters.postgres.address import Address as VaultAddress


@pytest.mark.parametrize(
    ("dsn", "split"),
    [
        ("postgresql://a/d", ["postgresql://a/d"]),
        ("postgresql://u@a:1,b:2/d", ["postgresql://u@a:1/d", "postgresql://u@b:2/d"]),
        (
            "postgresql://u:p%2C@a,b/d?x=1,2",
            ["postgresql://u:p%2C@a/d?x=1,2", "postgresql://u:p%2C@b/d?x=1,2"],
        ),
        ("postgresql://a,b?x=/y", ["postgresql://a?x=/y", "postgresql://b?x=/y"]),
        ("postgresql://u@/d?host=/s", ["postgresql://u@/d?host=/s"]),
        ("postgresql://[::1]:1,[::2]:2/d", ["postgresql://[::1]:1/d", "postgresql://[::2]:2/d"]),
    ],
    ids=["one", "two", "commas elsewhere", "no database", "a socket", "version six"],
)
def test_a_url_of_several_hosts_is_one_url_a_host(dsn: str, split: list[str]) -> None:
    assert list(hosts_of(dsn)) == split


def test_all_settings_are_sent_when_a_session_is_ours() -> None:
    address = VaultAddress("postgresql://a/d")
    assert address.at_start() == address.settings()
    assert address.at_start().items() >= SETTINGS.items()
    assert address.prepares


def test_a_pooler_is_sent_a_name_only() -> None:
    """PgBouncer ends a connection that begins with a setting it does not know."""
    address = VaultAddress("postgresql://a/d", pooler="pgbouncer")
    assert address.at_start() == {"application_name": "cardvault"}
    assert address.at_start(listing=True) == address.at_start()
    assert address.settings()["plan_cache_mode"] == "auto"  # filters share the sessions
    assert not address.prepares
    assert VaultAddress("postgresql://a/d", pooler="pgbouncer-prepared").prepares


def test_no_password_is_shown() -> None:
    assert "swordfish" not in repr(Address("postgresql://u:swordfish@a,b/d"))
