"""Security codes pass their contract on a real server, over TLS as a user with few rights, too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.pki import Leaf, ensure_pki
from tests.contract.security_codes_suite import KEY, SecurityCodesContract
from tests.parts.redis.conftest import NAMES
from tests.parts.servers.redis import RedisServer, redis_server
from tools.running.ports import free_ports
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import RedisInvalid, open_codes, probe
from vault.domain.card import CardKey
from vault.domain.reasons import VaultError
from vault.usecases.ports import SecurityCodes

RIGHTS = "~cv:* +ping +eval +exists +wait +del +type +hset +hdel +hmget +pexpire +select"


class TestPlain(SecurityCodesContract):
    """The fixture is conftest's."""

    async def test_names_say_nothing_and_codes_expire_there(
        self, codes: SecurityCodes, redis: RedisServer
    ) -> None:
        token = "5309" * 4
        await codes.put(CardKey("acme", token), b"sealed", 60.0)
        with redis.admin() as admin:
            (name,) = admin.keys()
            assert name.startswith(b"cv:code:")
            assert (b"acme" in name) is False
            assert (token.encode() in name) is False
            assert 59_000 < admin.pttl(name) <= 60_000
            await codes.take(CardKey("acme", token), "one")
            left = admin.pttl(name)
            assert 29_000 < left <= 30_000
            await codes.take(CardKey("acme", token), "one")
            assert admin.pttl(name) <= left


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[RedisSettings]:
    """Run a server with TLS both ways and one user of few rights; yield that user's settings."""
    pki = tmp_path / "pki"
    ensure_pki(pki, (Leaf("server", server=True), Leaf("app")), now=datetime.now(UTC))
    options = ["--port", "0", "--tls-ca-cert-file", str(pki / "ca.pem")]
    options += ["--tls-cert-file", str(pki / "server.pem")]
    options += ["--tls-key-file", str(pki / "server.key")]
    users = tmp_path / "users.acl"
    users.write_text(f"user default off\nuser vault on >s3cret-of-tests {RIGHTS}\n")
    (port,) = free_ports(1)
    options += ["--tls-port", str(port), "--aclfile", str(users)]
    with redis_server(tmp_path, *options, port=port):
        yield RedisSettings(
            parse_address(f"rediss://vault:s3cret-of-tests@127.0.0.1:{port}"),
            timeout_s=1.0,
            ca=pki / "ca.pem",
            certificate=pki / "app.pem",
            key=pki / "app.key",
        )


class TestLocked(SecurityCodesContract):
    @pytest.fixture
    async def codes(self, locked: RedisSettings) -> AsyncIterator[SecurityCodes]:
        async with open_codes(locked, Breaker(SystemClock()), NAMES) as opened:
            yield opened

    async def test_the_probe_says_what_it_may_not_see(self, locked: RedisSettings) -> None:
        assert "does not tell" in await probe(locked, SystemClock())

    @pytest.mark.parametrize("wrong", ["password", "ca", "certificate"])
    async def test_who_is_not_trusted_gets_nothing(
        self, locked: RedisSettings, wrong: str, tmp_path: Path
    ) -> None:
        if wrong == "password":
            other = replace(locked, address=replace(locked.address, password="guess"))
        elif wrong == "ca":
            ensure_pki(tmp_path / "foreign", (Leaf("x"),), now=datetime.now(UTC))
            other = replace(locked, ca=tmp_path / "foreign" / "ca.pem")
        else:
            other = replace(locked, certificate=None, key=None)
        with pytest.raises(RedisInvalid) as refused:
            await probe(other, SystemClock())
        assert "guess" not in str(refused.value)
        async with open_codes(other, Breaker(SystemClock()), NAMES) as codes:
            with pytest.raises(VaultError):
                await codes.put(KEY, b"sealed", 60.0)


async def test_the_probe_is_content_with_a_server_that_has_no_disk(redis: RedisServer) -> None:
    settings = RedisSettings(parse_address(f"redis://127.0.0.1:{redis.port}"))
    assert await probe(settings, SystemClock()) == "writes nothing to a disk"
    with redis.admin() as admin:
        assert admin.keys("cv:code:*") != []  # the probe's own, for 30 s at most
        admin.config_set("save", "60 1")
        try:
            with pytest.raises(RedisInvalid, match="reach a disk"):
                await probe(settings, SystemClock())
        finally:
            admin.config_set("save", "")
