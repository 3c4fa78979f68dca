"""Redis URLs are parsed whole or refused, and refusals never quote them."""

import pytest

from chassis.config import ConfigInvalid
from vault.adapters.redis.address import RedisAddress, RedisSettings, parse_address
from vault.config import VaultConfig


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://localhost", RedisAddress((("localhost", 6379),), tls=False)),
        ("rediss://h:7000/3", RedisAddress((("h", 7000),), tls=True, database=3)),
        (
            "rediss://vault:p%40ss@h",
            RedisAddress((("h", 6379),), tls=True, user="vault", password="p@ss"),
        ),
        ("redis://:word@h", RedisAddress((("h", 6379),), tls=False, password="word")),
        (
            "redis+sentinel://a,b:5/main/2",
            RedisAddress((("a", 26379), ("b", 5)), tls=False, service="main", database=2),
        ),
        (
            "rediss+cluster://u:w@a,b:5",
            RedisAddress((("a", 6379), ("b", 5)), tls=True, user="u", password="w", cluster=True),
        ),
        ("redis://[::1]:7000", RedisAddress((("::1", 7000),), tls=False)),
    ],
    ids=["host", "tls", "user", "password", "sentinels", "cluster", "ipv6"],
)
def test_what_is_parsed(text: str, expected: RedisAddress) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://secret",
        "redis://",
        "redis://secret:x",
        "redis://secret@h",
        "redis://secret,other",
        "redis://secret/a",
        "redis://secret/0/1",
        "redis://secret?db=1",
        "redis+sentinel://secret",
        "redis+sentinel://secret,/main",
        "redis://[secret",
        "redis+cluster://secret/1",
        "redis+cluster://secret,",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)


def test_the_password_is_not_shown() -> None:
    address = parse_address("rediss://vault:hidden@h")
    assert "hidden" not in repr(address) + repr(RedisSettings(address))
    assert "hidden" not in repr(VaultConfig.load(redis_url="rediss://vault:hidden@h"))


def test_behind_sentinel_a_replica_confirms() -> None:
    alone, watched = parse_address("redis://h"), parse_address("redis+sentinel://h/main")
    assert RedisSettings(alone).confirming == 0
    assert RedisSettings(watched).confirming == 1
    assert RedisSettings(watched, replicas=0).confirming == 0


def test_only_a_network_exposes() -> None:
    assert parse_address("redis://h").exposed
    assert not parse_address("rediss://h").exposed
    assert not parse_address("redis://127.0.0.1").exposed
    assert parse_address("redis+sentinel://localhost,h/main").exposed


def test_production_takes_tls_across_a_network() -> None:
    key = "vault-transit:https://h/transit/cards"
    with pytest.raises(ConfigInvalid, match="rediss://"):
        VaultConfig.load(environment="production", kms_key=key, redis_url="redis://h")
    for url in ("rediss://h", "redis://127.0.0.1"):
        assert VaultConfig.load(environment="production", kms_key=key, redis_url=url).redis


def test_a_bad_url_is_named_and_not_shown() -> None:
    with pytest.raises(ConfigInvalid, match="CARDVAULT_REDIS_URL") as refused:
        VaultConfig.load(redis_url="redis://hidden:x")
    assert "hidden" not in str(refused.value)


def test_where_there_are_failovers_a_replica_has_to_confirm() -> None:
    urls = ("redis://h", "redis+sentinel://h/service", "redis+cluster://h")
    assert [RedisSettings(parse_address(url)).confirming for url in urls] == [0, 1, 1]
    assert RedisSettings(parse_address(urls[2]), replicas=0).confirming == 0


def test_the_card_cache_is_off_and_on_needs_a_redis() -> None:
    assert VaultConfig.load(redis_url="redis://h").views is None
    with pytest.raises(ConfigInvalid, match="set redis_url or card_cache_url"):
        VaultConfig.load(card_cache="redis")
    both = VaultConfig.load(
        card_cache="redis", redis_url="redis://codes", card_cache_url="redis://cards"
    )
    assert both.redis is not None
    assert both.views is not None
    assert (both.redis.address.hosts, both.views.address.hosts) == (
        (("codes", 6379),),
        (("cards", 6379),),
    )
    assert both.views.timeout_s < both.redis.timeout_s
    shared = VaultConfig.load(card_cache="redis", redis_url="redis://codes").views
    assert shared is not None
    assert shared.address.hosts == (("codes", 6379),)
