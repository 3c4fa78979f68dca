"""All that `cardvault-updater doctor` looks at, from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

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
from chassis.doctor.finding import NOT_CHECKED, Finding
from chassis.doctor.host import host_facts, host_findings
from chassis.doctor.policy import policy_findings
from chassis.doctor.report import Report, Subject, examine
from chassis.doctor.sqlite import sqlite_findings
from updater.adapters.postgres.address import Address
from updater.adapters.sqlite.database import check_sqlite
from updater.channel_settings import ChannelSettings
from updater.config import UpdaterConfig
from updater.doctor import exchange
from updater.domain.errors import StoreUnavailable, UpdaterError
from updater.rpc.routes import VOCABULARY

RULES: Final = (
    NOT_CHECKED,
    *postgres_rules.RULES,
    *tables.RULES,
    *kafka.RULES,
    *sqlite.RULES,
    *disk.RULES,
    *certificates.RULES,
    *policy.RULES,
    *exchange.RULES,
    *host.RULES,
)
"""Every rule of the updater's; docs/reference/doctor.md lists them with the vault's."""


async def examine_updater(
    config: UpdaterConfig, *, hostname: str = "", deadline_s: float = 20.0
) -> Report:
    """Look at everything that the settings name, at once, each subject within the deadline."""

    async def database() -> Sequence[Finding]:
        path, address = config.sqlite_path, config.postgres
        if path is None:
            assert address is not None  # noqa: S101 - the settings accept nothing else
            return await _postgres(address, deadline_s / 4)
        return await asyncio.to_thread(
            sqlite_findings,
            path,
            _opened,
            (UpdaterError,),
            check_s=deadline_s * 0.8,
        )

    async def served() -> Sequence[Finding]:
        return certificate_findings(config.tls, hostname=hostname)

    async def calling() -> Sequence[Finding]:
        return certificate_findings(config.client_tls, server=False)

    async def events() -> Sequence[Finding]:
        if config.kafka is None:
            return ()
        return await kafka.topic_subject(config.kafka, timeout_s=deadline_s)

    async def rules() -> Sequence[Finding]:
        return policy_findings(config.policy, VOCABULARY)

    async def machine() -> Sequence[Finding]:
        return host_findings(host_facts())

    subjects = [
        Subject("database", database),
        Subject("certificate", served),
        Subject("certificate for the vault", calling),
        *_exchange(config),
        Subject("events", events),
        Subject("policy", rules),
        Subject("host", machine),
    ]
    return await examine(
        subjects, deadline_s=deadline_s, production=config.environment == "production"
    )


def _exchange(config: UpdaterConfig) -> Sequence[Subject]:
    """Return what concerns the exchange: each channel, and what channels share."""
    places = {config.exchange_keys}
    for each in config.channel_settings:
        places |= {each.exchange_keys, each.exchange_directory}

    async def shared() -> Sequence[Finding]:
        return [
            *exchange.marks_findings(config.exchange_keys),
            *await asyncio.to_thread(exchange.exposed_findings, places),
        ]

    def channel(settings: ChannelSettings) -> Subject:
        async def look() -> Sequence[Finding]:
            return await asyncio.to_thread(exchange.channel_findings, settings)

        return Subject(f"channel {settings.name}", look)

    return [Subject("exchange", shared), *map(channel, config.channel_settings)]


async def _postgres(address: Address, timeout_s: float) -> Sequence[Finding]:
    # A production extra: an embedded updater needs neither driver nor Alembic.
    from chassis.doctor.postgres_subject import look  # noqa: PLC0415
    from updater.adapters.postgres.open import LINKS  # noqa: PLC0415
    from updater.doctor.tables import TABLES  # noqa: PLC0415

    # Two: one works, and another stands by.
    return await look(address, TABLES, processes=2, timeout_s=timeout_s, beside=LINKS)


def _opened(path: Path) -> apsw.Connection:
    """Open a database as the updater does, and see that SQLite does what it is asked."""
    check_sqlite()
    db = apsw.Connection(str(path))
    db.pragma("synchronous", "FULL")
    if db.pragma("journal_mode", "wal") != "wal" or db.pragma("synchronous") != 2:
        db.close()
        raise StoreUnavailable("a write-ahead log or synchronous = FULL was not accepted")
    return db
