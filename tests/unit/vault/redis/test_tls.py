"""One context for all connections, with the named authority alone, renewed with its files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.pki import Leaf, ensure_pki
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.link import ServerLink
from vault.adapters.redis.tls import SharedTls


@pytest.fixture
def settings(tmp_path: Path) -> RedisSettings:
    ensure_pki(tmp_path, (Leaf("app"),), now=datetime.now(UTC))
    return RedisSettings(
        parse_address("rediss://redis.internal:6379"),
        ca=tmp_path / "ca.pem",
        certificate=tmp_path / "app.pem",
        key=tmp_path / "app.key",
    )


def test_the_named_authority_is_the_only_one(settings: RedisSettings) -> None:
    context = SharedTls(settings).get()
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname is True


def test_it_is_made_once_and_again_when_a_file_changes(settings: RedisSettings) -> None:
    shared = SharedTls(settings)
    first = shared.get()
    assert shared.get() is first
    assert settings.certificate is not None
    os.utime(settings.certificate, ns=(1, 1))
    assert shared.get() is not first


def test_a_file_that_is_missing_is_an_error_of_the_connection(settings: RedisSettings) -> None:
    assert settings.ca is not None
    settings.ca.unlink()
    with pytest.raises(OSError, match=r"ca\.pem"):
        SharedTls(settings).get()


@pytest.mark.parametrize("url", ["rediss://h", "rediss+sentinel://a,b/service"])
async def test_every_connection_of_a_link_uses_it(settings: RedisSettings, url: str) -> None:
    settings = RedisSettings(parse_address(url), ca=settings.ca)
    link = ServerLink(settings, Breaker(SystemClock()))
    clients = [link._client, *(link._sentinel.sentinels if link._sentinel else ())]
    made = [client.connection_pool.make_connection() for client in clients]
    contexts = {id(each.ssl_context.get()) for each in made}
    assert len(contexts) == 1
    assert len(made[0].ssl_context.get().get_ca_certs()) == 1
    await link.close()
