"""The cache down, slow, wiped, poisoned, crossed, failed over: slower at most, never wrong."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.parts.redis.cached import CARDS, Cached, cached
from tests.parts.servers.redis import RedisServer, redis_server, watched
from vault.adapters.redis.address import RedisSettings, parse_address

PATIENCE_S = 0.05  # what card_cache_timeout is by default
PATIENT_S = 2.0  # where time is not the point: a busy machine is no failure


def settings_of(port: int, timeout_s: float = PATIENCE_S) -> RedisSettings:
    return RedisSettings(parse_address(f"redis://127.0.0.1:{port}"), timeout_s=timeout_s)


@pytest.fixture
async def site(redis: RedisServer) -> AsyncIterator[Cached]:
    """Read through the plain server."""
    async with cached(settings_of(redis.port, PATIENT_S)) as opened:
        yield opened


@pytest.fixture
async def hasty(redis: RedisServer) -> AsyncIterator[Cached]:
    """Read through the plain server with the patience of the default settings."""
    async with cached(settings_of(redis.port)) as opened:
        yield opened


async def test_down_and_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        async with cached(settings_of(server.port)) as site:
            server.kill()
            begun = time.monotonic()
            await site.load(1.5)
            assert site.opened_at - begun < 1.0
            assert site.slowed_within_bounds
            assert site.views.counts.bypassed > 0
            with redis_server(tmp_path, port=server.port):
                await site.load_until(site.hit, 30.0)
            assert site.views.counts.refused == 0


async def test_slow_and_back(hasty: Cached, redis: RedisServer) -> None:
    redis.pause()
    try:
        begun = time.monotonic()
        await hasty.load(1.5)
        assert hasty.opened_at - begun < 1.0
        assert hasty.slowed_within_bounds
    finally:
        redis.resume()
    await hasty.load_until(hasty.hit, 30.0)
    await hasty.load(0.5)
    assert hasty.views.counts.refused == 0  # no late answer was taken for another's


async def test_wiped(site: Cached, redis: RedisServer) -> None:
    with redis.admin() as admin:
        for _turn in range(5):
            admin.flushall()
            await site.load(0.1)
    misses = site.views.counts.misses
    assert misses >= CARDS
    await site.load_until(site.hit, 30.0)
    assert (site.breaker.counts.failures, site.views.counts.refused) == (0, 0)


async def test_poisoned(site: Cached, redis: RedisServer) -> None:
    """Older entries, other cards', edited ones, other types: each put back while cards change."""
    with redis.admin() as admin:
        old = {name: admin.get(name) for name in admin.keys("cv:view:*")}
        assert len(old) == CARDS
        for key in site.rows:
            site.change(key)
        await site.load_until(site.hit, 30.0)
        names = list(old)
        for turn in range(20):
            for name in random.sample(names, 10):
                now = admin.get(name) if admin.type(name) == b"string" else None
                if turn % 5 == 0:
                    admin.set(name, old[name] or b"")  # authentic, of an older state
                elif turn % 5 == 1:
                    admin.set(name, (now or b"\0" * 8)[:8] + (old[name] or b"")[8:])
                elif turn % 5 == 2:
                    admin.set(name, old[random.choice(names)] or b"")
                elif turn % 5 == 3:
                    admin.set(name, (now or b"x" * 200)[:-1] + b"!")
                else:
                    admin.delete(name)
                    admin.rpush(name, b"a list")
            await site.load(0.05)
    assert site.views.counts.outdated > 0
    assert site.views.counts.refused > 0
    assert not site.breaker.open
    await site.load_until(site.hit, 30.0)


async def test_crossed_answers_are_misses_and_alarms(site: Cached) -> None:
    await site.load_until(lambda: site.hit(*site.rows), 30.0)
    site.shelf.crossed = True
    hits, misses = site.views.counts.hits, site.views.counts.misses
    await site.read(*site.rows)
    assert site.views.counts.hits == hits
    assert site.views.counts.misses - misses == CARDS
    assert site.views.counts.refused > 0  # of the same revision; another's is merely outdated


async def test_callers_who_give_up_leave_no_answers_behind(site: Cached) -> None:
    keys = list(site.rows)
    for turn in range(60):
        task = asyncio.create_task(site.read(*keys[:5]))
        await asyncio.sleep(turn * 0.00003)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await site.read(*keys[5:10])
    assert (site.views.counts.refused, site.breaker.open) == (0, False)


async def test_a_read_that_is_cancelled_ends(redis: RedisServer) -> None:
    """On Python 3.11 the driver swallows late cancellations; a vault must stop all the same."""
    for turn in range(30):
        async with asyncio.timeout(30.0), cached(settings_of(redis.port, PATIENT_S)) as site:
            task = asyncio.create_task(site.load(30.0))
            await asyncio.sleep(turn * 0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_full(site: Cached, redis: RedisServer) -> None:
    with redis.admin() as admin:
        admin.flushall()
        admin.config_set("maxmemory", "1")
        try:
            await site.load(0.3)
        finally:
            admin.config_set("maxmemory", "0")
    assert site.views.counts.dropped > 0
    assert not site.breaker.open
    await site.load_until(site.hit, 30.0)


async def test_sentinel_failover(tmp_path: Path) -> None:
    with watched(tmp_path) as servers:
        settings = RedisSettings(parse_address(servers.url), timeout_s=0.25)
        async with cached(settings) as site:
            servers.nodes[0].pause()  # alive, and master in its own eyes, when it comes back
            try:
                begun = time.monotonic()
                await site.load(2.0)
                assert site.opened_at - begun < 1.0
                await site.load_until(site.hit, 40.0)
            finally:
                servers.nodes[0].resume()
            # The old master still has what was kept before: older entries, all of them authentic.
            await site.load(1.0)
            assert site.views.counts.refused == 0
