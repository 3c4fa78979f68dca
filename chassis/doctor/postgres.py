"""Judge a PostgreSQL server: facts in, findings out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from chassis.doctor import postgres_rules as rules
from chassis.doctor.finding import Finding, Rule, not_checked
from chassis.doctor.postgres_facts import PostgresFacts, Role

OLDEST: Final = 15
NEWEST: Final = 18
DURABLE: Final = frozenset({"on", "remote_apply"})
# A role keeps what was typed, which may be any name that the server takes for on.
_WRITTEN_DURABLE: Final = DURABLE | {"true", "yes", "1"}
_MOST_SKEW_S: Final = 1.0
_SYNC_COUNT: Final = re.compile(r"\s*(?:FIRST|ANY)?\s*(\d+)\s*\(", re.IGNORECASE)
_GRANT: Final = "GRANT pg_read_all_stats TO the serving role, or run doctor as one that has it"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the service needs of the server. Times in seconds."""

    connections: int  # of all processes together
    flush_s: float = 10.0
    settings: Mapping[str, str] | None = None  # that its sessions ask for


def server_findings(facts: PostgresFacts, wanted: Wanted, dsn: str) -> list[Finding]:
    """Judge everything that has nothing to do with the service's own tables."""
    found = [not_checked(what, why) for what, why in sorted(facts.unread.items())]
    found += durability_findings(facts)
    found += _standbys(facts)
    found += role_findings(facts.role)
    found += _version(facts)
    found += _timeouts(facts, wanted)
    found += _session(facts, wanted)
    found += _room(facts, wanted)
    found += _tls(facts, dsn)
    found += _clock(facts)
    if facts.settings.get("autovacuum") == "off" or facts.settings.get("track_counts") == "off":
        found.append(rules.AUTOVACUUM.found("autovacuum or track_counts is off"))
    return found


def durability_findings(facts: PostgresFacts) -> list[Finding]:
    """Judge what makes a commit durable: the cheap subset that a start can afford."""
    said = facts.settings
    found = []
    for name, bad, rule in (
        ("fsync", {"off"}, rules.FSYNC),
        ("full_page_writes", {"off"}, rules.PAGES),
        ("data_sync_retry", {"on"}, rules.SYNC_RETRY),
        ("data_checksums", {"off"}, rules.CHECKSUMS),
        ("wal_level", {"minimal"}, rules.WAL),
    ):
        if said.get(name) in bad and not facts.aurora:
            found.append(rule.found(f"{name} = {said[name]}"))
    commit = said.get("synchronous_commit")
    if commit is not None and commit not in DURABLE:
        source = facts.sources.get("synchronous_commit", "unknown")
        found.append(rules.COMMIT.found(f"synchronous_commit = {commit}, set by: {source}"))
    for role, database, setting in facts.overrides:
        name, _, value = setting.partition("=")
        if name == "synchronous_commit" and value.lower() not in _WRITTEN_DURABLE:
            where = f"{role} in {database}"
            found.append(rules.OVERRIDE.found(f"synchronous_commit = {value} for {where}"))
    if facts.aurora:
        found.append(rules.AURORA.found("this is Aurora"))
    elif facts.rds:
        found.append(
            rules.MULTI_AZ.found("this is RDS: whether it is Multi-AZ can't be seen in SQL")
        )
    elif said.get("synchronous_standby_names") == "":
        found.append(rules.NO_STANDBY.found("synchronous_standby_names is empty"))
    return found


def _standbys(facts: PostgresFacts) -> list[Finding]:
    names = facts.settings.get("synchronous_standby_names", "")
    if not names or facts.aurora or facts.rds:
        return []
    found = [rules.STRICT.found("whether the list of standbys can be emptied can't be seen in SQL")]
    standbys = facts.standbys
    if standbys is None:
        return found  # told by `unread`
    count = _SYNC_COUNT.match(names)
    needed = int(count[1]) if count else 1
    if standbys.connected < needed or (standbys.sync is not None and standbys.sync < needed):
        there = standbys.connected if standbys.sync is None else standbys.sync
        found.append(rules.STANDBY_AWAY.found(f"{there} of {needed} are there"))
    elif standbys.sync is None:
        why = f"{standbys.connected} standbys; this role may not see whether they are synchronous"
        found.append(not_checked("standbys", why, how=_GRANT))
    return found


def role_findings(role: Role | None) -> list[Finding]:
    """Judge what the serving role may do to the whole server."""
    if role is None:
        return []
    found = []
    if role.superuser:
        found.append(rules.SUPERUSER.found(f"{role.name} is a superuser"))
    if role.bypasses_rls and not role.superuser:
        found.append(rules.BYPASS.found(f"{role.name} has BYPASSRLS"))
    powers = {
        "CREATEROLE": role.creates_roles,
        "CREATEDB": role.creates_databases,
        "REPLICATION": role.replicates,
    }
    has = [name for name, given in powers.items() if given]
    if has and not role.superuser:
        found.append(rules.POWERS.found(f"{role.name} has {', '.join(has)}"))
    return found


def _version(facts: PostgresFacts) -> list[Finding]:
    text = facts.settings.get("server_version_num", "")
    if not text.isdigit():
        return []
    major, minor = divmod(int(text), 10_000)
    if OLDEST <= major <= NEWEST:
        return []
    return [rules.VERSION.found(f"PostgreSQL {major}.{minor}")]


def _timeouts(facts: PostgresFacts, wanted: Wanted) -> list[Finding]:
    found = []
    flush_ms = wanted.flush_s * 1_000
    limits: tuple[tuple[str, float, Rule], ...] = (
        ("statement_timeout", float("inf"), rules.STATEMENT_TIMEOUT),
        ("transaction_timeout", float("inf"), rules.TRANSACTION_TIMEOUT),
        ("idle_in_transaction_session_timeout", flush_ms, rules.IDLE_TRANSACTION),
        ("idle_session_timeout", float("inf"), rules.IDLE_SESSION),
    )
    for name, least, rule in limits:
        set_ms = _number(facts, name)
        asked = (wanted.settings or {}).get(name)  # the service's own choice is none of ours
        if set_ms and set_ms <= least and asked != facts.settings[name]:
            source = facts.sources.get(name, "unknown")
            found.append(rule.found(f"{name} = {set_ms} ms, set by: {source}"))
    if facts.settings.get("lock_timeout") == "0":
        found.append(rules.LOCK_TIMEOUT.found("lock_timeout = 0: a statement waits for ever"))
    return found


def _session(facts: PostgresFacts, wanted: Wanted) -> list[Finding]:
    said, found = facts.settings, []
    isolation = said.get("default_transaction_isolation", "read committed")
    if isolation != "read committed":
        found.append(rules.ISOLATION.found(f"default_transaction_isolation = {isolation}"))
    if said.get("default_transaction_read_only") == "on":
        source = facts.sources.get("default_transaction_read_only", "unknown")
        found.append(rules.READ_ONLY.found(f"default_transaction_read_only = on, set by: {source}"))
    asked = (wanted.settings or {}).get("plan_cache_mode")
    if asked and said.get("plan_cache_mode", asked) != asked:
        found.append(rules.SESSION.found(f"plan_cache_mode = {said['plan_cache_mode']}"))
    if facts.pooler.there:
        modes = {
            True: "in transaction mode: two sessions of ours met one backend",
            False: "in session mode, as it seems: two sessions of ours met two backends",
            None: "in a mode that could not be found out",
        }
        found.append(rules.POOLER.found(f"a pooler stands between, {modes[facts.pooler.shares]}"))
    return found


def _room(facts: PostgresFacts, wanted: Wanted) -> list[Finding]:
    most = _number(facts, "max_connections")
    if not most:
        return []
    room = most - _number(facts, "superuser_reserved_connections")
    room -= _number(facts, "reserved_connections")
    limits = [room]
    if facts.role is not None:
        limits += [x for x in (facts.role.connection_limit, facts.role.database_limit) if x >= 0]
    if min(limits) >= wanted.connections:
        return []
    return [rules.CONNECTIONS.found(f"room for {min(limits)}, {wanted.connections} may be needed")]


def _tls(facts: PostgresFacts, dsn: str) -> list[Finding]:
    if not _across_a_network(dsn):
        return []
    mode = parse_qs(urlsplit(dsn).query).get("sslmode", [""])[-1]
    if facts.tls is False:
        return [rules.TLS_OFF.found("this session is not encrypted")]
    if mode != "verify-full":
        return [rules.TLS_UNVERIFIED.found(f"sslmode={mode}" if mode else "no sslmode in the URL")]
    return []


def _across_a_network(dsn: str) -> bool:
    parts = urlsplit(dsn)
    names = parts.netloc.rpartition("@")[2].split(",")
    names += [name for text in parse_qs(parts.query).get("host", []) for name in text.split(",")]
    return any(not _local(unquote(name)) for name in names if name)


def _local(name: str) -> bool:
    host = name if name.startswith("/") else (urlsplit(f"//{name}").hostname or "")
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _clock(facts: PostgresFacts) -> list[Finding]:
    if facts.skew_s is None:
        return []
    if abs(facts.skew_s) - facts.skew_known_to_s <= _MOST_SKEW_S:
        return []
    within = f"to within {facts.skew_known_to_s * 1_000:.0f} ms"
    return [rules.SKEW.found(f"the server's clock is {facts.skew_s:+.1f} s from ours, {within}")]


def _number(facts: PostgresFacts, name: str) -> int:
    text = facts.settings.get(name, "")
    return int(text) if text.removeprefix("-").isdigit() else 0
