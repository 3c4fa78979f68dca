"""All that `cardvault doctor` looks at, from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chassis.doctor import (
    certificates,
    disk,
    host,
    kafka,
    policy,
    postgres_rules,
    sqlite,
    tables,
)
from chassis.doctor.certificates import certificate_findings
from chassis.doctor.finding import NOT_CHECKED, Finding, Rule, Severity
from chassis.doctor.host import host_facts, host_findings
from chassis.doctor.policy import policy_findings
from chassis.doctor.report import Report, Subject, examine
from vault.config import VaultConfig
from vault.doctor import keys, redis
from vault.doctor.database import postgres_database, sqlite_database
from vault.rpc.routes import VOCABULARY

MEMORY: Final = Rule(
    "STORE_IN_MEMORY",
    Severity.BROKEN,
    "a database",
    "1: nothing acknowledged is lost",
    "set CARDVAULT_DATABASE_URL",
)
RULES: Final = (
    NOT_CHECKED,
    *postgres_rules.RULES,
    *tables.RULES,
    *sqlite.RULES,
    *disk.RULES,
    *redis.RULES,
    *kafka.RULES,
    *keys.RULES,
    *certificates.RULES,
    *policy.RULES,
    MEMORY,
    *host.RULES,
)
"""Every rule; docs/reference/doctor.md lists them."""


async def examine_vault(
    config: VaultConfig, *, processes: int = 1, hostname: str = "", deadline_s: float = 20.0
) -> Report:
    """Look at everything that the settings name, at once, each subject within the deadline."""
    found = _Subjects(config, processes, hostname, deadline_s)
    return await examine(
        found.all(), deadline_s=deadline_s, production=config.environment == "production"
    )


class _Subjects:
    def __init__(
        self, config: VaultConfig, processes: int, hostname: str, deadline_s: float
    ) -> None:
        self._config: Final = config
        self._processes: Final = processes
        self._hostname: Final = hostname
        self._deadline_s: Final = deadline_s

    def all(self) -> list[Subject]:
        return [
            Subject("database", self._database),
            Subject("security codes", self._codes),
            Subject("events", self._events),
            Subject("keys", self._keys),
            Subject("certificates", self._certificates),
            Subject("policy", self._policy),
            Subject("host", self._host),
        ]

    async def _database(self) -> Sequence[Finding]:
        config, timeout_s = self._config, self._deadline_s / 4
        if config.postgres is not None:
            return await postgres_database(
                config.postgres, processes=self._processes, timeout_s=timeout_s
            )
        if config.sqlite_path is not None:
            return await sqlite_database(config.sqlite_path, timeout_s=self._deadline_s)
        return [MEMORY.found("memory: nothing is kept")]

    async def _codes(self) -> Sequence[Finding]:
        if self._config.redis is None:
            return redis.several_processes(self._processes)
        return await redis.redis_subject(self._config.redis, timeout_s=self._deadline_s)

    async def _events(self) -> Sequence[Finding]:
        if self._config.kafka is None:
            return ()
        return await kafka.topic_subject(self._config.kafka, timeout_s=self._deadline_s)

    async def _keys(self) -> Sequence[Finding]:
        return await keys.keys_subject(self._config.kms)

    async def _certificates(self) -> Sequence[Finding]:
        return certificate_findings(self._config.tls, hostname=self._hostname)

    async def _policy(self) -> Sequence[Finding]:
        return policy_findings(self._config.policy, VOCABULARY)

    async def _host(self) -> Sequence[Finding]:
        return host_findings(host_facts())
