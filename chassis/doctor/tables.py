"""A service's tables on PostgreSQL: revision, owners, rights, row-level security, audit days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from chassis.doctor.finding import Finding, Rule, Severity, not_checked
from chassis.doctor.postgres_facts import Reading
from chassis.doctor.postgres_rules import DOORS, LOST, TRAIL
from chassis.postgres.schema import IS_THERE, Schema
from chassis.store_errors import UnsuitableDatabase

SCHEMA: Final = Rule(
    "PG_SCHEMA",
    Severity.BROKEN,
    "at a revision that this release serves",
    "none: the service does not start",
    "cardvault migrate (or cardvault-updater migrate), as the owning role",
)
NEWER: Final = Rule(
    "PG_SCHEMA_NEWER",
    Severity.NOTE,
    "this release's revision, once a rollout is over",
    "none: the schema was expanded for a newer release, and this one still serves it",
    "finish the rollout",
)
OWNS: Final = Rule(
    "PG_ROLE_OWNS_TABLES",
    Severity.BROKEN,
    "tables that belong to a role which the serving role is no member of",
    TRAIL + ", and stays so: an owner rewrites the trail, whatever was granted",
    "ALTER TABLE … OWNER TO the migrating role; REVOKE that role FROM the serving role",
)
DDL: Final = Rule(
    "PG_ROLE_DDL",
    Severity.BROKEN,
    "no CREATE on the schema or the database",
    DOORS + ": it can put a trigger or a function in the way",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC and the role; REVOKE CREATE ON DATABASE … FROM …",
)
REWRITES: Final = Rule(
    "PG_ROLE_REWRITES_AUDIT",
    Severity.BROKEN,
    "SELECT and INSERT on audit and checkpoints, nothing else",
    TRAIL + ", and stays so",
    "cardvault migrate sets the rights anew; drop the role from pg_write_all_data",
)
RLS: Final = Rule(
    "PG_RLS_OFF",
    Severity.BROKEN,
    "row-level security on cards and card_versions",
    DOORS + ": a reporting role sees every tenant",
    "cardvault migrate, or ALTER TABLE … ENABLE ROW LEVEL SECURITY",
)
UNLOGGED: Final = Rule(
    "PG_UNLOGGED_TABLES",
    Severity.BROKEN,
    "all tables logged",
    LOST + ": a crash empties an unlogged table, and no standby has it",
    "ALTER TABLE … SET LOGGED",
)
DAYS: Final = Rule(
    "PG_AUDIT_DAYS",
    Severity.RISK,
    "partitions of audit for today and the 7 days ahead at least",
    "none: records land in the default partition, from which no day can be dropped",
    "cardvault migrate, monthly at least",
)
RULES: Final = (SCHEMA, NEWER, OWNS, DDL, REWRITES, RLS, UNLOGGED, DAYS)

ENOUGH_DAYS: Final = 7
# Partitions count as tables of their own: a right on one of them is a right to rewrite a day.
_TABLES: Final = """
SELECT c.relname, c.relpersistence::text, c.relrowsecurity,
    pg_has_role(current_user, c.relowner, 'MEMBER'),
    has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
        OR has_table_privilege(c.oid, 'TRUNCATE') OR has_any_column_privilege(c.oid, 'UPDATE'),
    EXISTS (SELECT FROM pg_inherits AS i
        WHERE i.inhrelid = c.oid AND i.inhparent = to_regclass($2))
FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND (c.oid = ANY(
    SELECT to_regclass(n)::oid FROM unnest($1::text[]) AS n)
    OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass($2)))
"""
_DDL: Final = """
SELECT coalesce((SELECT has_schema_privilege(current_schema(), 'CREATE')), false),
    has_database_privilege(current_database(), 'CREATE')
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """What a service's tables are called, and which of them are special."""

    schema: Schema
    names: tuple[str, ...]
    trail: tuple[str, ...] = ()
    """May be added to and read, and nothing else."""
    by_day: str = ""
    """Is split by day, into NAME_20260131; the partitions belong to the trail, too."""
    secured: tuple[str, ...] = ()
    """Reports read them, under row-level security."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table or partition, and what the role that asks may do to it."""

    unlogged: bool
    row_security: bool
    owned: bool
    rewritable: bool
    partition: bool = False


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """What a service's database says of its tables."""

    tables_of: Tables
    revision: str | None
    readable: bool = True
    """Whether the revision could be read."""
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    creates_in: Sequence[str] = ()
    today: date = date(1970, 1, 1)  # by this host's clock, as `cardvault migrate` counts


async def schema_facts(reading: Reading, tables: Tables, today: date | None = None) -> SchemaFacts:
    """Ask about the tables. What the server refuses to tell is in `reading.unread`."""
    schema = tables.schema
    there = await reading.rows("schema", IS_THERE, schema.table)
    current = await reading.rows("revision", schema.current) if there and there[0][0] else []
    rows = await reading.rows("tables", _TABLES, list(tables.names), tables.by_day or None)
    ddl = await reading.rows("rights to make things", _DDL)
    may = ddl[0] if ddl else ()
    return SchemaFacts(
        tables_of=tables,
        revision=current[0][0] if current else None,
        readable=there is not None and current is not None,
        tables={
            name: TableFacts(kept == "u", secured, owned, rewritable, part)
            for name, kept, secured, owned, rewritable, part in rows or []
        },
        creates_in=[
            what for what, yes in zip(("the schema", "the database"), may, strict=False) if yes
        ],
        today=today or datetime.now(UTC).date(),
    )


def schema_findings(facts: SchemaFacts) -> list[Finding]:
    """Judge a service's tables."""
    schema = facts.tables_of.schema
    if not facts.readable:
        return [*right_findings(facts), *_days(facts)]  # told by `unread`
    try:
        schema.check_served(facts.revision)
    except UnsuitableDatabase as error:
        return [SCHEMA.found(str(error))]
    found = []
    if facts.revision not in schema.revisions():
        found.append(NEWER.found(f"revision {facts.revision} is a newer release's"))
    found += right_findings(facts)
    missing = sorted(set(facts.tables_of.names) - set(facts.tables))
    if missing:
        found.append(not_checked("tables", f"not there or not seen: {', '.join(missing)}"))
    return [*found, *_days(facts)]


def right_findings(facts: SchemaFacts) -> list[Finding]:
    """Judge owners, rights and persistence: the cheap subset that a start can afford."""
    tables, found = facts.tables, []
    trail, secured = facts.tables_of.trail, facts.tables_of.secured
    owned = [name for name, table in tables.items() if table.owned]
    rewritable = [
        name
        for name, table in tables.items()
        if table.rewritable and not table.owned and (name in trail or table.partition)
    ]
    unlogged = [name for name, table in tables.items() if table.unlogged]
    open_to_all = [name for name in secured if name in tables and not tables[name].row_security]
    if owned:
        found.append(OWNS.found(f"this role owns, or may act as the owner of, {_some(owned)}"))
    if facts.creates_in:
        found.append(DDL.found(f"CREATE on {' and '.join(facts.creates_in)}"))
    if rewritable:
        found.append(REWRITES.found(f"UPDATE, DELETE or TRUNCATE on {_some(rewritable)}"))
    if unlogged:
        found.append(UNLOGGED.found(f"unlogged: {_some(unlogged)}"))
    if open_to_all:
        found.append(RLS.found(f"off on {_some(open_to_all)}"))
    return found


def _days(facts: SchemaFacts) -> list[Finding]:
    table, left = facts.tables_of.by_day, 0
    if not table:
        return []
    while f"{table}_{facts.today + timedelta(days=left):%Y%m%d}" in facts.tables:
        left += 1
    if left > ENOUGH_DAYS:
        return []
    return [DAYS.found(f"{left} days, today's included" if left else "none for today")]


def _some(names: Sequence[str]) -> str:
    shown = sorted(names)[:5]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
