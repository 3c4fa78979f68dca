"""Redis, which keeps security codes: they must be gone with the memory, and given once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from chassis.clock import SystemClock
from chassis.doctor.finding import Finding, Rule, Severity, not_checked
from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import linked

CODES: Final = (
    "4: what is stolen holds no card number; a security code is never on a disk (PCI DSS 3.3.1)"
)
DOORS: Final = "3: nobody gets in where they don't belong"

UNREACHABLE: Final = Rule(
    "REDIS_UNREACHABLE",
    Severity.RISK,
    "an answer, as the vault's own user",
    "none: security codes are refused",
    "check the address, the user, the CA file and that a master is elected",
)
RDB: Final = Rule(
    "REDIS_SNAPSHOTS",
    Severity.BROKEN,
    'save ""',
    CODES,
    'CONFIG SET save "" and CONFIG REWRITE; remove dump.rdb from the disk and its backups',
    "ElastiCache: no automatic backups, SnapshotRetentionLimit = 0",
)
AOF: Final = Rule(
    "REDIS_APPEND_ONLY",
    Severity.BROKEN,
    "appendonly no",
    CODES,
    "CONFIG SET appendonly no and CONFIG REWRITE; remove appendonlydir, from backups too",
    "ElastiCache: appendonly in the parameter group",
)
SYNC: Final = Rule(
    "REDIS_SYNC_FILES",
    Severity.RISK,
    "repl-diskless-sync yes, and repl-diskless-load swapdb (or on-empty-db)",
    CODES + ": a replica's full sync goes through a file",
    "set both on the master and on every replica",
)
EVICTION: Final = Rule(
    "REDIS_EVICTION",
    Severity.RISK,
    "maxmemory-policy noeviction, where maxmemory is set",
    "none: but a code that waits may be gone before its payment",
    "CONFIG SET maxmemory-policy noeviction",
    "ElastiCache: maxmemory-policy in the parameter group",
)
TLS: Final = Rule(
    "REDIS_TLS_OFF",
    Severity.BROKEN,
    "rediss:// across a network",
    DOORS + ": the password and the codes' names are read on the way",
    "tls-port, and rediss:// in redis_url with redis_ca",
    "ElastiCache: in-transit encryption",
    relaxed=True,
)
DEFAULT_USER: Final = Rule(
    "REDIS_DEFAULT_USER",
    Severity.BROKEN,
    "no way in without a password",
    DOORS + ": whoever reaches the port takes codes, or puts others in their place",
    "ACL SETUSER default off, and a user of the vault's own (howto/redis.md)",
    "ElastiCache: an RBAC user group whose default user is disabled",
    relaxed=True,
)
REPLICAS: Final = Rule(
    "REDIS_REPLICAS",
    Severity.RISK,
    "as many replicas connected as must confirm a change",
    "none: codes are refused until they are there",
    "start the replicas, or lower redis_replicas",
)
UNCONFIRMED: Final = Rule(
    "REDIS_UNCONFIRMED",
    Severity.RISK,
    "redis_replicas of at least 1, where a failover can happen",
    "none is lost, but a failover may give a code a second time",
    "CARDVAULT_REDIS_REPLICAS=1",
)
VERSION: Final = Rule(
    "REDIS_VERSION",
    Severity.RISK,
    "6.2 or later",
    "none that is known: nobody has tried",
    "upgrade the server",
)
IN_PROCESS: Final = Rule(
    "CODES_IN_PROCESS",
    Severity.RISK,
    "Redis, where several processes serve",
    "none: but a code put at one process is not found at another",
    "set CARDVAULT_REDIS_URL",
)
RULES: Final = (
    *(UNREACHABLE, RDB, AOF, SYNC, EVICTION, TLS, DEFAULT_USER, REPLICAS, UNCONFIRMED, VERSION),
    IN_PROCESS,
)

ASKED: Final = (
    *("save", "appendonly", "maxmemory", "maxmemory-policy"),
    *("repl-diskless-sync", "repl-diskless-load"),
)
OLDEST: Final = (6, 2)


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """What a server says. `config` is empty where CONFIG is not allowed."""

    info: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    open_door: bool | None = None  # whether it answers without a password
    unread: Mapping[str, str] = field(default_factory=dict)


async def redis_subject(settings: RedisSettings, *, timeout_s: float) -> Sequence[Finding]:
    """Look at Redis as the vault's own user, and once as nobody."""
    facts = await redis_facts(replace(settings, timeout_s=timeout_s / 4))
    if "ping" in facts.unread:
        return [UNREACHABLE.found(facts.unread["ping"]), *_address(settings)]
    return redis_findings(facts, settings)


async def redis_facts(settings: RedisSettings) -> RedisFacts:
    """Ask. What is refused is in `unread`."""
    unread: dict[str, str] = {}
    asked = _asker(settings, unread)
    if await asked("ping", lambda redis: redis.ping()) is None:
        return RedisFacts(unread=unread)
    info = await asked("INFO", lambda redis: redis.info())
    config = await asked("CONFIG", lambda redis: redis.config_get(*ASKED))
    nobody = replace(settings, address=replace(settings.address, user=None, password=None))
    door: dict[str, str] = {}
    answered = await _asker(nobody, door)("ping", lambda redis: redis.ping())
    return RedisFacts(info or {}, config or {}, answered is not None, unread)


def redis_findings(facts: RedisFacts, settings: RedisSettings) -> list[Finding]:
    """Judge a server."""
    found = [not_checked(what, why) for what, why in sorted(facts.unread.items())]
    if settings.address.cluster or settings.address.service is not None:
        found.append(not_checked("the other servers", "one was asked", how="ask each by itself"))
    found += _address(settings)
    if facts.open_door:
        found.append(DEFAULT_USER.found("it answers to anybody"))
    config, info = facts.config, facts.info
    if config.get("save"):
        found.append(RDB.found(f'save "{config["save"]}"'))
    # INFO tells of the log even where CONFIG is forbidden.
    if config.get("appendonly") == "yes" or info.get("aof_enabled"):
        found.append(AOF.found("appendonly yes"))
    policy = config.get("maxmemory-policy", info.get("maxmemory_policy", "noeviction"))
    limited = config.get("maxmemory", str(info.get("maxmemory", 0))) != "0"
    if limited and policy != "noeviction":
        found.append(EVICTION.found(f"maxmemory-policy {policy}"))
    found += _replicas(facts, settings)
    version = tuple(int(part) for part in str(info.get("redis_version", "")).split(".")[:2] if part)
    if version and version < OLDEST:
        found.append(VERSION.found(f"Redis {info['redis_version']}"))
    return found


def _address(settings: RedisSettings) -> list[Finding]:
    return [TLS.found("redis:// to another host")] if settings.address.exposed else []


def _replicas(facts: RedisFacts, settings: RedisSettings) -> list[Finding]:
    connected = int(facts.info.get("connected_slaves", 0))
    found = []
    if facts.info and connected < settings.confirming:
        found.append(REPLICAS.found(f"{connected} connected, {settings.confirming} must confirm"))
    if not settings.confirming and (connected or settings.address.service is not None):
        found.append(UNCONFIRMED.found("no replica has to confirm"))
    if connected or settings.confirming:
        sync = facts.config.get("repl-diskless-sync", "yes")
        load = facts.config.get("repl-diskless-load", "swapdb")
        if sync != "yes" or load == "disabled":
            found.append(SYNC.found(f"repl-diskless-sync {sync}, repl-diskless-load {load}"))
    return found


def _asker(
    settings: RedisSettings, unread: dict[str, str]
) -> Callable[[str, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
    # A production extra: an embedded vault needs no driver.
    from vault.adapters.redis.link import RedisAway  # noqa: PLC0415

    async def asked(what: str, work: Callable[[Any], Awaitable[Any]]) -> Any:
        async with linked(settings, Breaker(SystemClock())) as link:
            try:
                return await link.ask(work)
            except RedisAway as error:
                unread[what] = str(error)
                return None

    return asked


def several_processes(processes: int) -> list[Finding]:
    """Judge a vault without Redis."""
    return [IN_PROCESS.found(f"{processes} processes")] if processes > 1 else []
