"""A service's PostgreSQL, looked at as its serving role; and what a production start refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from chassis.doctor import postgres_rules as rules
from chassis.doctor.finding import Finding, Severity, not_checked
from chassis.doctor.postgres import Wanted, durability_findings, role_findings, server_findings
from chassis.doctor.postgres_facts import Reading, cheap_facts, connect, server_facts, why_not
from chassis.doctor.tables import Tables, right_findings, schema_facts, schema_findings
from chassis.postgres.address import Address
from chassis.store_errors import StoreError

NO_CONNECTION: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError)


class PromiseBroken(StoreError):
    """This server is set up so that a promise does not hold. The text names the findings."""


async def look(
    address: Address, tables: Tables, *, processes: int, timeout_s: float, beside: int
) -> Sequence[Finding]:
    """Look at everything; `beside` are a process's connections other than those for reads."""
    settings = address.at_start()  # a pooler refuses others
    try:
        db = await connect(address.dsn, settings, timeout_s)
    except NO_CONNECTION as error:
        return [rules.UNREACHABLE.found(why_not(error))]
    try:
        reading = Reading(db)
        schema = await schema_facts(reading, tables)
        server = await server_facts(reading, address.dsn, settings, timeout_s=timeout_s)
    finally:
        db.terminate()
    connections = processes * (address.connections + beside)
    wanted = Wanted(connections, address.flush_s, address.settings())
    return [*server_findings(server, wanted, address.dsn), *schema_findings(schema)]


async def broken_promises(address: Address, tables: Tables) -> list[Finding]:
    """Look at what a start can afford: a few statements. Raises StoreError where nobody answers."""
    try:
        db = await connect(address.dsn, address.at_start(), address.connect_s)
    except NO_CONNECTION as error:
        raise PromiseBroken(f"no connection to look at: {why_not(error)}") from None
    try:
        reading = Reading(db)
        server = await cheap_facts(reading)
        schema = await schema_facts(reading, tables)
    finally:
        db.terminate()
    found = [*durability_findings(server), *role_findings(server.role), *right_findings(schema)]
    # A start must not take silence for a yes.
    unread = [not_checked(what, why) for what, why in reading.unread.items()]
    return [each for each in found if each.severity is Severity.BROKEN] + unread


def refused(found: Sequence[Finding], setting: str) -> PromiseBroken:
    """Return the error that keeps a service from starting, unless `setting` says to warn."""
    told = "; ".join(f"{each.rule.id}: {each.now}" for each in found)
    return PromiseBroken(f"{told} (see doctor; {setting}=warn starts all the same)")
