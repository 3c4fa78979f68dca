"""What a PostgreSQL server must be for a service that promises to lose nothing: the table."""

from __future__ import annotations

from typing import Final

from chassis.doctor.finding import Rule, Severity

LOST: Final = "1: nothing acknowledged is lost"
TRAIL: Final = "2: nothing is revealed unrecorded"
DOORS: Final = "3: nobody gets in where they don't belong"
BROKEN, RISK, NOTE = Severity

UNREACHABLE: Final = Rule(
    "PG_UNREACHABLE",
    BROKEN,
    "a connection to the primary, as the service's own role",
    "none: the service does not start",
    "check the address, the password file, pg_hba.conf and that a primary is among the hosts",
)
VERSION: Final = Rule(
    "PG_VERSION",
    RISK,
    "15 to 18",
    "none that is known: nobody has tried, or nobody mends it any more",
    "upgrade the server",
)
FSYNC: Final = Rule(
    "PG_FSYNC_OFF",
    BROKEN,
    "fsync = on",
    LOST,
    "ALTER SYSTEM SET fsync = on, and reload",
    "fsync in the DB parameter group",
)
PAGES: Final = Rule(
    "PG_FULL_PAGE_WRITES_OFF",
    BROKEN,
    "full_page_writes = on",
    LOST + ": a page half written at a power cut is not mended",
    "ALTER SYSTEM SET full_page_writes = on, and reload",
    "full_page_writes in the DB parameter group",
)
COMMIT: Final = Rule(
    "PG_SYNCHRONOUS_COMMIT",
    BROKEN,
    "synchronous_commit = on or remote_apply, in this session",
    LOST + ": a reply leaves before the commit is durable, here or at the standby",
    "ALTER SYSTEM SET synchronous_commit = on; ALTER ROLE … RESET synchronous_commit; "
    "ALTER DATABASE … RESET synchronous_commit",
    "synchronous_commit in the DB parameter group (Aurora: DB cluster parameter group)",
)
OVERRIDE: Final = Rule(
    "PG_SYNCHRONOUS_COMMIT_OVERRIDE",
    BROKEN,
    "no role and no database with a weaker synchronous_commit",
    LOST + ": for whoever connects as that role, or to that database",
    "ALTER ROLE … [IN DATABASE …] RESET synchronous_commit, ALTER DATABASE … RESET …",
)
NO_STANDBY: Final = Rule(
    "PG_NO_SYNC_STANDBY",
    BROKEN,
    "synchronous_standby_names names who must have a commit",
    LOST + ": what the primary's disk alone holds is lost with it, or at a failover",
    "synchronous_standby_names = 'FIRST 1 (…)' or 'ANY 1 (…)'; "
    "Patroni: synchronous_mode and synchronous_mode_strict",
    "a Multi-AZ deployment; the parameter is RDS's own business there",
    relaxed=True,
)
STANDBY_AWAY: Final = Rule(
    "PG_SYNC_STANDBY_AWAY",
    RISK,
    "as many synchronous standbys connected as are named",
    "none: commits wait, and calls end in doubt",
    "start the standby, and compare its application_name with synchronous_standby_names",
)
STRICT: Final = Rule(
    "PG_STANDBY_MANAGER",
    NOTE,
    "a manager that never empties synchronous_standby_names",
    LOST + ": if the list is emptied while a standby is away, commits are durable here alone",
    "Patroni: synchronous_mode_strict: true; SQL does not show it, `patronictl show-config` does",
)
MULTI_AZ: Final = Rule(
    "PG_RDS_MULTI_AZ",
    NOTE,
    "a Multi-AZ deployment",
    LOST + ": in one zone, a lost volume is a lost database",
    "SQL does not show it: aws rds describe-db-instances, field MultiAZ",
    "MultiAZ of the DB instance, not a parameter",
)
AURORA: Final = Rule(
    "PG_AURORA",
    NOTE,
    "Aurora's own storage keeps six copies; its commit waits for four",
    "none: fsync, full_page_writes and standbys were not judged",
    "nothing; read replicas are for reports only",
    "synchronous_commit still counts",
)
SYNC_RETRY: Final = Rule(
    "PG_DATA_SYNC_RETRY",
    BROKEN,
    "data_sync_retry = off",
    LOST + ": a sync that failed and then succeeds proves nothing",
    "ALTER SYSTEM SET data_sync_retry = off, and restart",
    "not to be set there: it is off",
)
CHECKSUMS: Final = Rule(
    "PG_DATA_CHECKSUMS_OFF",
    RISK,
    "data_checksums = on",
    LOST + ": a page that the disk damaged is served, and copied into backups",
    "pg_checksums --enable, server stopped",
    "always on there",
)
WAL: Final = Rule(
    "PG_WAL_LEVEL",
    RISK,
    "wal_level = replica or logical",
    LOST + ": neither standby nor point-in-time recovery",
    "ALTER SYSTEM SET wal_level = replica, and restart",
    "a backup retention above 0 days; logical: rds.logical_replication = 1",
)
CONNECTIONS: Final = Rule(
    "PG_CONNECTIONS",
    RISK,
    "room for all connections of all processes, and their successors during a rollout",
    "none: a process that gets no connection does not start",
    "raise max_connections or the role's limit, or lower database_connections",
    "max_connections in the DB parameter group, by instance class",
)
ISOLATION: Final = Rule(
    "PG_ISOLATION",
    RISK,
    "read committed, in this session",
    "none: flushes that meet fail, and are tried again",
    "ALTER ROLE … SET default_transaction_isolation = 'read committed'",
)
READ_ONLY: Final = Rule(
    "PG_READ_ONLY",
    RISK,
    "default_transaction_read_only = off",
    "none: every write is refused",
    "ALTER ROLE … RESET default_transaction_read_only, ALTER DATABASE … RESET …",
)
STATEMENT_TIMEOUT: Final = Rule(
    "PG_STATEMENT_TIMEOUT",
    RISK,
    "statement_timeout = 0 for this role",
    "none: it cancels flushes, whose outcome is then in doubt",
    "ALTER ROLE … SET statement_timeout = 0; lock_timeout bounds what can wait",
)
TRANSACTION_TIMEOUT: Final = Rule(
    "PG_TRANSACTION_TIMEOUT",
    RISK,
    "transaction_timeout = 0 for this role",
    "none: it ends the connection under a flush, whose outcome is then in doubt",
    "ALTER ROLE … SET transaction_timeout = 0",
)
IDLE_TRANSACTION: Final = Rule(
    "PG_IDLE_IN_TRANSACTION_TIMEOUT",
    RISK,
    "0, or longer than a flush may take (10 s)",
    "none: it ends the connection between two statements of a flush",
    "ALTER ROLE … SET idle_in_transaction_session_timeout = '60s'",
)
IDLE_SESSION: Final = Rule(
    "PG_IDLE_SESSION_TIMEOUT",
    RISK,
    "idle_session_timeout = 0 for this role",
    "none: after a quiet spell the next flush meets a closed connection, and is in doubt",
    "ALTER ROLE … SET idle_session_timeout = 0",
)
LOCK_TIMEOUT: Final = Rule(
    "PG_LOCK_TIMEOUT",
    RISK,
    "the service's own lock_timeout in force",
    TRAIL + " in bounded time: a flush may wait for a lock for ever",
    "ALTER ROLE … SET lock_timeout = '2s': a pooler has dropped what the session asked for",
)
SESSION: Final = Rule(
    "PG_SESSION_SETTINGS",
    RISK,
    "the session settings that the service asks for",
    "none: plans may walk whole tables",
    "set them on the role: ALTER ROLE … SET plan_cache_mode = 'force_generic_plan', …",
)
POOLER: Final = Rule(
    "PG_POOLER",
    NOTE,
    "a pooler in transaction mode that keeps prepared statements, or in session mode",
    "none",
    "PgBouncer 1.21 or later with max_prepared_statements, and ignore_startup_parameters; its "
    "version and settings show on its own console only: SHOW VERSION, SHOW CONFIG",
)
TLS_OFF: Final = Rule(
    "PG_TLS_OFF",
    BROKEN,
    "TLS to a server across a network",
    DOORS + ": whoever is on the way reads, and answers in the server's place",
    "?sslmode=verify-full&sslrootcert=… in database_url",
    "rds.force_ssl = 1, and the region's CA bundle",
    relaxed=True,
)
TLS_UNVERIFIED: Final = Rule(
    "PG_TLS_UNVERIFIED",
    BROKEN,
    "sslmode=verify-full, said in database_url",
    DOORS + ": whoever is on the way can answer in the server's place",
    "?sslmode=verify-full&sslrootcert=… in database_url",
    "sslrootcert is the region's CA bundle",
    relaxed=True,
)
SUPERUSER: Final = Rule(
    "PG_ROLE_SUPERUSER",
    BROKEN,
    "a role without SUPERUSER",
    TRAIL + ", and stays so: a superuser rewrites the trail",
    "serve as a login role that is a member of cardvault_serving only",
    "no membership in rds_superuser",
)
BYPASS: Final = Rule(
    "PG_ROLE_BYPASSES_RLS",
    BROKEN,
    "a role without BYPASSRLS",
    DOORS,
    "ALTER ROLE … NOBYPASSRLS",
)
POWERS: Final = Rule(
    "PG_ROLE_POWERS",
    BROKEN,
    "a role without CREATEROLE, CREATEDB and REPLICATION",
    DOORS + ": it can make itself what it likes, or copy the whole server",
    "ALTER ROLE … NOCREATEROLE NOCREATEDB NOREPLICATION",
)
SKEW: Final = Rule(
    "PG_CLOCK_SKEW",
    RISK,
    "less than 1 s between this host's clock and the server's",
    "none: but leases go by the server's clock, records and expiry by this one",
    "run chrony or systemd-timesyncd on both",
)
AUTOVACUUM: Final = Rule(
    "PG_AUTOVACUUM_OFF",
    RISK,
    "autovacuum = on, track_counts = on",
    "none: tables and indexes grow, plans go stale, and in the end the server stops",
    "ALTER SYSTEM SET autovacuum = on, and reload",
    "autovacuum in the DB parameter group",
)
RULES: Final = tuple(each for each in tuple(globals().values()) if isinstance(each, Rule))
