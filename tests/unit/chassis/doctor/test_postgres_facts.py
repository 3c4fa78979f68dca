"""Servers that can't be had here: judged from facts written after their makers' documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from chassis.doctor.finding import Finding
from chassis.doctor.postgres import Wanted, server_findings
from chassis.doctor.postgres_facts import PostgresFacts, Role, Standbys

DSN = "postgresql://vault_app@db.example:5432/vault?sslmode=verify-full"
GOOD = PostgresFacts(
    settings={
        "server_version_num": "150020",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "synchronous_standby_names": "ANY 1 (a, b)",
        "data_sync_retry": "off",
        "data_checksums": "on",
        "wal_level": "replica",
        "max_connections": "100",
        "superuser_reserved_connections": "3",
        "default_transaction_isolation": "read committed",
        "default_transaction_read_only": "off",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "idle_session_timeout": "0",
        "lock_timeout": "2000",
        "autovacuum": "on",
        "track_counts": "on",
        "plan_cache_mode": "force_generic_plan",
    },
    role=Role("vault_app"),
    standbys=Standbys(2, 1),
    tls=True,
    skew_s=0.0,
)
# RDS: no standby in SQL's sight; Aurora besides: no full pages, nothing to sync by itself.
RDS = {"synchronous_standby_names": "", "data_checksums": "on"}
AURORA = RDS | {"full_page_writes": "off", "fsync": "off", "data_checksums": "off"}


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found}


def judged(facts: PostgresFacts, dsn: str = DSN) -> set[str]:
    return ids(server_findings(facts, Wanted(6, settings={}), dsn))


def saying(**settings: str) -> PostgresFacts:
    return replace(GOOD, settings={**GOOD.settings, **settings})


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (GOOD, {"PG_STANDBY_MANAGER"}),
        (saying(server_version_num="140012"), {"PG_STANDBY_MANAGER", "PG_VERSION"}),
        (saying(server_version_num="190001"), {"PG_STANDBY_MANAGER", "PG_VERSION"}),
        (saying(transaction_timeout="60000"), {"PG_STANDBY_MANAGER", "PG_TRANSACTION_TIMEOUT"}),
        (saying(idle_in_transaction_session_timeout="60000"), {"PG_STANDBY_MANAGER"}),
        (saying(reserved_connections="92"), {"PG_STANDBY_MANAGER", "PG_CONNECTIONS"}),
        (saying(synchronous_commit="remote_apply"), {"PG_STANDBY_MANAGER"}),
        (replace(saying(**RDS), rds=True), {"PG_RDS_MULTI_AZ"}),
        (replace(saying(**AURORA), rds=True, aurora=True), {"PG_AURORA"}),
        (
            replace(saying(**AURORA, synchronous_commit="off"), rds=True, aurora=True),
            {"PG_AURORA", "PG_SYNCHRONOUS_COMMIT"},
        ),
        (
            replace(GOOD, overrides=[("app", "vault", "synchronous_commit=TRUE")]),
            {"PG_STANDBY_MANAGER"},
        ),
        (
            replace(GOOD, overrides=[("app", "vault", "synchronous_commit=false")]),
            {"PG_STANDBY_MANAGER", "PG_SYNCHRONOUS_COMMIT_OVERRIDE"},
        ),
        (replace(GOOD, standbys=Standbys(2, None)), {"PG_STANDBY_MANAGER", "NOT_CHECKED"}),
        (replace(GOOD, standbys=Standbys(0, None)), {"PG_STANDBY_MANAGER", "PG_SYNC_STANDBY_AWAY"}),
        (
            replace(GOOD, unread={"clock": "why"}, skew_s=None),
            {"PG_STANDBY_MANAGER", "NOT_CHECKED"},
        ),
        (replace(GOOD, skew_s=3.0, skew_known_to_s=2.5), {"PG_STANDBY_MANAGER"}),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else "",
)
def test_a_server(facts: PostgresFacts, found: set[str]) -> None:
    assert judged(facts) == found


@pytest.mark.parametrize(
    ("dsn", "verified"),
    [
        ("postgresql://vault_app@db.example/vault", False),
        ("postgresql://vault_app@db.example/vault?sslmode=require", False),
        ("postgresql://vault_app@127.0.0.1,db.example:5432/vault", False),
        ("postgresql://vault_app@/vault?host=db.example", False),
        ("postgresql://vault_app@a.example,b.example/vault?sslmode=verify-full", True),
        ("postgresql://vault_app@127.0.0.1:5432,[::1]:5433/vault", True),
        ("postgresql://vault_app@/vault?host=/var/run/postgresql", True),
        ("postgresql:///vault", True),
    ],
)
def test_who_vouches_for_the_server(dsn: str, verified: bool) -> None:
    found = judged(GOOD, dsn) - {"PG_STANDBY_MANAGER"}
    assert found == (set() if verified else {"PG_TLS_UNVERIFIED"})


def test_what_a_finding_says_on_rds() -> None:
    (found,) = server_findings(
        replace(saying(**AURORA, synchronous_commit="local"), aurora=True), Wanted(6), DSN
    )[:1]
    assert found.rule.id == "PG_SYNCHRONOUS_COMMIT"
    assert "DB cluster parameter group" in found.fields()["rds"]
