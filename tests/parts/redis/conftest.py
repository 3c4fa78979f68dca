"""One plain server for all tests here, empty for each; what a test needs besides, it starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from chassis.clock import SystemClock
from tests.parts.servers.redis import RedisServer, redis_server
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_codes
from vault.crypto.mac import MacKey
from vault.usecases.ports import SecurityCodes

NAMES = MacKey(bytes(8), b"n" * 32)
Opener = Callable[..., AbstractAsyncContextManager[SecurityCodes]]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a server without TLS and users."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(plain: RedisServer) -> RedisServer:
    """Return the server, empty."""
    with plain.admin() as admin:
        admin.flushall()
    return plain


@pytest.fixture
def breaker() -> Breaker:
    """Return a breaker to look at."""
    return Breaker(SystemClock())


@pytest.fixture
async def codes(redis: RedisServer, breaker: Breaker) -> AsyncIterator[SecurityCodes]:
    """Open codes on the plain server."""
    settings = RedisSettings(parse_address(f"redis://127.0.0.1:{redis.port}"))
    async with open_codes(settings, breaker, NAMES) as opened:
        yield opened
