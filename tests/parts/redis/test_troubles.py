"""Redis down, slow, wiped, poisoned, failed over: slower or refused, never wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from tests.contract.security_codes_suite import KEY, OTHER
from tests.parts.redis.conftest import NAMES
from tests.parts.servers.redis import RedisServer, redis_server, watched
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_codes
from vault.crypto.blob import CannotOpen, Place, RecordKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import SecurityCodes

PLACE = Place("security_code", "acme", "tok_a", "", "", 1)


async def refused(codes: SecurityCodes) -> float:
    """Return how long a refusal takes; it has to be one."""
    begun = time.monotonic()
    with pytest.raises(VaultError) as error:
        await codes.take(KEY, "one")
    assert error.value.reason is Reason.SECURITY_CODE_UNAVAILABLE
    return time.monotonic() - begun


async def until_open(codes: SecurityCodes, breaker: Breaker) -> float:
    """Ask until the breaker is open; return how long that took."""
    begun = time.monotonic()
    while not breaker.open:
        assert await refused(codes) < 0.6
    return time.monotonic() - begun


async def until_back(codes: SecurityCodes, within_s: float) -> bytes | None:
    """Ask until there is an answer."""
    end = time.monotonic() + within_s
    while True:
        try:
            return await codes.take(KEY, "one")
        except VaultError:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def test_down_and_back(tmp_path: Path, breaker: Breaker) -> None:
    with redis_server(tmp_path) as server:
        address = parse_address(f"redis://127.0.0.1:{server.port}")
        async with open_codes(RedisSettings(address), breaker, NAMES) as codes:
            await codes.put(KEY, b"sealed", 60.0)
            server.kill()
            assert await until_open(codes, breaker) < 1.0
            assert await refused(codes) < 0.05
            with redis_server(tmp_path, port=server.port):
                assert await until_back(codes, 8.0) is None  # lost, and said so
                await codes.put(KEY, b"again", 60.0)
                assert await codes.take(KEY, "one") == b"again"


async def test_slow_and_back(codes: SecurityCodes, redis: RedisServer, breaker: Breaker) -> None:
    await codes.put(KEY, b"sealed", 60.0)
    await codes.put(OTHER, b"another", 60.0)
    redis.pause()
    try:
        assert await until_open(codes, breaker) < 1.0
        assert await refused(codes) < 0.05
    finally:
        redis.resume()
    # The takes that were given up may have been done meanwhile: by this very request.
    assert await until_back(codes, 8.0) == b"sealed"
    # No late answer of theirs is taken for another's.
    found = await asyncio.gather(*(codes.take(OTHER, f"r-{n}") for n in range(20)))
    assert [each for each in found if each is not None] == [b"another"]
    assert await codes.take(KEY, "two") is None


async def test_callers_who_give_up_leave_no_answers_behind(
    codes: SecurityCodes, breaker: Breaker
) -> None:
    await codes.put(KEY, b"sealed", 60.0)
    await codes.put(OTHER, b"another", 60.0)
    for turn in range(60):
        task = asyncio.create_task(codes.take(KEY, "one"))
        await asyncio.sleep(turn * 0.00003)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await codes.take(OTHER, "two") == b"another"
    assert not breaker.open


async def test_wiped(codes: SecurityCodes, redis: RedisServer, breaker: Breaker) -> None:
    await codes.put(KEY, b"sealed", 60.0)
    with redis.admin() as admin:
        admin.flushall()
        admin.script_flush()
    assert not await codes.exists(KEY)
    assert await codes.take(KEY, "one") is None
    await codes.put(KEY, b"again", 60.0)
    assert await codes.take(KEY, "one") == b"again"
    assert breaker.counts.failures == 0


async def test_poisoned(codes: SecurityCodes, redis: RedisServer, breaker: Breaker) -> None:
    key = RecordKey(b"k" * 8, b"s" * 32)
    await codes.put(KEY, key.seal(b"forged", PLACE._replace(token="tok_b")), 60.0)
    found = await codes.take(KEY, "one")
    assert found is not None
    with pytest.raises(CannotOpen):
        key.open(found, PLACE)  # another card's code in this one's place
    with redis.admin() as admin:
        (name,) = admin.keys()
        admin.hset(name, "s", b"nonsense")
        nonsense = await codes.take(KEY, "one")
        assert nonsense == b"nonsense"
        with pytest.raises(CannotOpen):
            key.open(nonsense, PLACE)
        admin.delete(name)
        admin.set(name, b"not a hash")
        await refused(codes)
        await codes.put(KEY, b"sealed", 60.0)
    assert await codes.take(KEY, "one") == b"sealed"
    assert not breaker.open


async def test_full(codes: SecurityCodes, redis: RedisServer, breaker: Breaker) -> None:
    with redis.admin() as admin:
        admin.config_set("maxmemory", "1")
        try:
            for _turn in range(3):
                with pytest.raises(VaultError):
                    await codes.put(KEY, b"sealed", 60.0)
        finally:
            admin.config_set("maxmemory", "0")
    assert not breaker.open
    await codes.put(KEY, b"sealed", 60.0)


async def test_a_failover_forgets_no_take(tmp_path: Path, breaker: Breaker) -> None:
    with watched(tmp_path) as site:
        async with open_codes(RedisSettings(parse_address(site.url)), breaker, NAMES) as codes:
            await codes.put(KEY, b"sealed", 60.0)
            await codes.put(OTHER, b"another", 60.0)
            assert await codes.take(OTHER, "one") == b"another"
            site.nodes[0].pause()  # alive, and master in its own eyes, when it comes back
            try:
                assert await until_open(codes, breaker) < 1.0
                assert await until_back(codes, 20.0) == b"sealed"
                assert await codes.take(OTHER, "two") is None
            finally:
                site.nodes[0].resume()
            assert await codes.take(OTHER, "two") is None


async def test_without_a_replica_that_confirms_nothing_is_given(
    redis: RedisServer, breaker: Breaker
) -> None:
    settings = RedisSettings(parse_address(f"redis://127.0.0.1:{redis.port}"))
    async with open_codes(settings, breaker, NAMES) as codes:
        await codes.put(KEY, b"sealed", 60.0)
    alone = RedisSettings(settings.address, replicas=1)
    async with open_codes(alone, Breaker(SystemClock()), NAMES) as codes:
        await refused(codes)
    async with open_codes(settings, breaker, NAMES) as codes:
        assert await codes.take(KEY, "two") is None  # taken, by the one who may ask again
        assert await codes.take(KEY, "one") == b"sealed"
