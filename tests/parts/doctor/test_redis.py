"""Every finding on Redis, on a server that is really so; none on one that is as it must be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.doctor.finding import Finding
from tests.parts.servers.redis import RedisServer, redis_server, wait_until, watched
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.doctor.redis import redis_facts, redis_findings, redis_subject, several_processes

LOGIN = (
    *("--user", "default", "off"),
    *("--user", "vault", "on", ">hush", "~*", "&*", "+@all"),
    *("--user", "least", "on", ">hush", "~cv:*", "+ping", "+info", "+eval", "+wait"),
)


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found}


def settings(server: RedisServer, login: str = "vault:hush@") -> RedisSettings:
    return RedisSettings(parse_address(f"redis://{login}127.0.0.1:{server.port}"))


async def looked(given: RedisSettings) -> set[str]:
    return ids(await redis_subject(given, timeout_s=8.0))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a server as howto/redis.md asks for it."""
    with redis_server(tmp_path_factory.mktemp("good"), *LOGIN) as server:
        yield server


async def test_a_good_server_has_none(good: RedisServer) -> None:
    assert await looked(settings(good)) == set()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--save", "60 1"), {"REDIS_SNAPSHOTS"}),
        (("--appendonly", "yes"), {"REDIS_APPEND_ONLY"}),
        (("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"), {"REDIS_EVICTION"}),
        (("--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl"), {"REDIS_EVICTION"}),
        (("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"), set()),
    ],
    ids=["snapshots", "log", "eviction", "eviction of what expires", "no eviction"],
)
async def test_one_thing_wrong(tmp_path: Path, options: tuple[str, ...], found: set[str]) -> None:
    with redis_server(tmp_path, *LOGIN, *options) as server:
        assert await looked(settings(server)) == found


async def test_whoever_may_not_see_is_told_so(good: RedisServer, tmp_path: Path) -> None:
    found = await redis_subject(settings(good, "least:hush@"), timeout_s=8.0)
    assert [each.now for each in found] == ["CONFIG: not checked: refused: NoPermissionError"]
    with redis_server(tmp_path, *LOGIN, "--appendonly", "yes") as server:
        # INFO tells of the log even so.
        assert await looked(settings(server, "least:hush@")) == {"NOT_CHECKED", "REDIS_APPEND_ONLY"}


async def test_a_door_without_a_lock(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        assert await looked(settings(server, "")) == {"REDIS_DEFAULT_USER"}


async def test_another_hosts_server_without_tls(good: RedisServer) -> None:
    facts = await redis_facts(replace(settings(good), timeout_s=5.0))
    elsewhere = RedisSettings(parse_address("redis://vault:hush@cache.example"))
    assert ids(redis_findings(facts, elsewhere)) == {"REDIS_TLS_OFF"}
    safe = RedisSettings(parse_address("rediss://vault:hush@cache.example"))
    assert redis_findings(facts, safe) == []


async def test_replicas(tmp_path: Path) -> None:
    options = ("--repl-diskless-load", "swapdb")
    with redis_server(tmp_path, *options) as master:
        one = replace(settings(master, ""), replicas=1)
        assert await looked(one) == {"REDIS_DEFAULT_USER", "REDIS_REPLICAS"}
        of = ("--replicaof", f"127.0.0.1 {master.port}")
        with redis_server(tmp_path, *of, *options), master.admin() as admin:
            wait_until(lambda: admin.info("replication")["connected_slaves"] == 1, tmp_path)
            assert await looked(one) == {"REDIS_DEFAULT_USER"}
            unconfirmed = await looked(settings(master, ""))
            assert unconfirmed == {"REDIS_DEFAULT_USER", "REDIS_UNCONFIRMED"}
            admin.config_set("repl-diskless-sync", "no")
            assert await looked(one) == {"REDIS_DEFAULT_USER", "REDIS_SYNC_FILES"}


async def test_behind_sentinel_the_others_were_not_asked(tmp_path: Path) -> None:
    with watched(tmp_path) as site:
        found = await looked(RedisSettings(parse_address(site.url)))
    assert found == {"NOT_CHECKED", "REDIS_DEFAULT_USER", "REDIS_SYNC_FILES"}


async def test_nobody_answers(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        given = settings(server)
    assert await looked(given) == {"REDIS_UNREACHABLE"}


async def test_a_server_that_hangs_takes_no_longer_than_it_is_given(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        server.pause()
        found = await redis_subject(settings(server, ""), timeout_s=2.0)
        server.resume()
    assert ids(found) == {"REDIS_UNREACHABLE"}


async def test_a_server_of_long_ago(good: RedisServer) -> None:
    facts = await redis_facts(replace(settings(good), timeout_s=5.0))
    old = replace(facts, info={**facts.info, "redis_version": "6.0.16"})
    assert ids(redis_findings(old, settings(good))) == {"REDIS_VERSION"}
    assert redis_findings(facts, settings(good)) == []


def test_codes_in_one_processs_memory() -> None:
    assert several_processes(1) == []
    assert ids(several_processes(2)) == {"CODES_IN_PROCESS"}
