"""Redis Cluster, TLS and users on: the same contracts, and a master killed under load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.crc import key_slot

from chassis.clock import SystemClock
from tests.contract.security_codes_suite import SecurityCodesContract
from tests.parts.redis.cached import CARDS, Cached, cached
from tests.parts.redis.conftest import NAMES
from tests.parts.servers.redis import RedisServer
from tests.parts.servers.redis_cluster import Cluster, redis_cluster, revived
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.codes import RedisSecurityCodes
from vault.adapters.redis.open import open_codes, probe
from vault.adapters.redis.views import RedisViews
from vault.domain.card import CardKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import SecurityCodes


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run one cluster for this module."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def settings_of(cluster: Cluster, timeout_s: float = 0.5) -> RedisSettings:
    return RedisSettings(
        parse_address(cluster.url),
        timeout_s=timeout_s,
        ca=cluster.pki / "ca.pem",
        certificate=cluster.pki / "app.pem",
        key=cluster.pki / "app.key",
    )


class TestCluster(SecurityCodesContract):
    @pytest.fixture
    async def codes(self, cluster: Cluster) -> AsyncIterator[SecurityCodes]:
        for node in cluster.nodes:
            with cluster.admin(node) as admin:
                if admin.info("replication")["role"] == "master":
                    admin.flushall()
        async with open_codes(settings_of(cluster, 2.0), Breaker(SystemClock()), NAMES) as opened:
            yield opened

    async def test_the_probe_passes(self, cluster: Cluster) -> None:
        assert "does not tell" in await probe(settings_of(cluster, 1.0), SystemClock())


async def test_many_views_take_few_commands(cluster: Cluster) -> None:
    async with cached(settings_of(cluster, 2.0)) as site:
        before = site.breaker.counts.calls
        assert await site.hit()
        assert site.breaker.counts.calls - before <= 4  # a part a master, and a fill
        assert site.views.counts.refused == 0
        assert site.views.counts.hits >= CARDS


async def test_a_master_is_killed_under_load(cluster: Cluster) -> None:
    # Patient: a busy machine is no failure, and a node that is killed refuses at once.
    settings, breaker = settings_of(cluster, 2.0), Breaker(SystemClock())
    async with (
        open_codes(settings, breaker, NAMES) as codes,
        cached(settings_of(cluster, 0.1)) as site,
    ):
        keys = [CardKey("demo", f"tok_{n}") for n in range(30)]
        for key in keys:
            await codes.put(key, b"sealed", 120.0)
        victim = cluster.master_of(_slot(codes, keys[0]))
        taken = [key for key in keys[::2] if cluster.master_of(_slot(codes, key)) is victim][:3]
        for key in taken:
            assert await codes.take(key, "one") == b"sealed"
        its_views = [key for key in site.rows if _has_view(cluster, victim, site, key)]
        assert 0 < len(its_views) < CARDS
        victim.kill()
        begun = time.monotonic()
        loading = asyncio.create_task(site.load(8.0))
        await _until_open(codes, breaker, keys[0])
        assert time.monotonic() - begun < 1.0
        await loading  # every read answered, none older than acknowledged
        assert site.opened_at - begun < 1.0
        assert site.slowed_within_bounds
        # Found without the old master's help, which is still dead.
        await site.load_until(lambda: site.hit(*its_views), 30.0)
        # Its replica is a master now, without one of its own to confirm: codes there are refused.
        with revived(cluster, victim):
            for key in keys:
                found = await _answered(codes, key)
                assert found == (None if key in taken else b"sealed")
            await site.load(0.5)
            assert not breaker.open
            assert site.views.counts.refused == 0


async def _until_open(codes: SecurityCodes, breaker: Breaker, key: CardKey) -> None:
    """Ask until the breaker is open; nothing is given meanwhile."""
    while not breaker.open:
        with pytest.raises(VaultError) as error:
            await codes.take(key, "two")
        assert error.value.reason is Reason.SECURITY_CODE_UNAVAILABLE


async def _answered(codes: SecurityCodes, key: CardKey) -> bytes | None:
    end = time.monotonic() + 40.0
    while True:
        try:
            return await codes.take(key, "two")
        except VaultError:
            assert time.monotonic() < end
            await asyncio.sleep(0.1)


def _slot(codes: SecurityCodes, key: CardKey) -> int:
    assert isinstance(codes, RedisSecurityCodes)
    return key_slot(codes._name(key).encode())


def _has_view(cluster: Cluster, node: RedisServer, site: Cached, key: CardKey) -> bool:
    assert isinstance(site.shelf.inner, RedisViews)
    return cluster.master_of(key_slot(site.shelf.inner._name(key).encode())) is node
