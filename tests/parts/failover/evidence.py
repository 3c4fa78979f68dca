"""What a PostgreSQL database has to show: rows, audit, request ids; and what an old primary has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Final, NamedTuple

import asyncpg

from chassis.postgres.address import Address
from chassis.postgres.leader import Leader
from tests.e2e.kills.checker import Breach, Violation
from tests.e2e.kills.evidence import (
    TENANT,
    Evidence,
    Record,
    StoredRow,
    event_of,
    events_in,
    records_in,
)
from tests.e2e.kills.history import End, History, Kind
from tests.parts.servers.patroni import PORT
from tests.parts.servers.patroni_node import Node
from vault.domain.audit import GENESIS, chained_hash

_AUDIT: Final = "SELECT chain, sequence, record, hash FROM audit ORDER BY chain, sequence"
_RECENT: Final = "SELECT record, hash FROM audit WHERE time >= $1"
# Whoever waits for a standby has committed, and is seen by nobody until the wait ends.
_LET_GO: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
)
_PATIENCE_S: Final = 40.0


class OldRow(NamedTuple):
    """An audit record on an old primary."""

    record: Record
    hash: bytes


async def add_database(evidence: Evidence, dsn: str, events: bytes) -> frozenset[bytes]:
    """Read all rows, as `add_files` reads a SQLite file; return the hashes of all records.

    `events` is what the events file holds.
    """
    db = await Leader(Address(dsn)).connect()
    try:
        rows = await db.fetch(
            "SELECT token, revision, credential_version, customer, fingerprint FROM cards"
            " WHERE tenant = $1",
            TENANT,
        )
        evidence.rows = {token: StoredRow(*rest) for token, *rest in rows}
        evidence.old_versions = {}
        for token, number in await db.fetch(
            "SELECT token, credential_version FROM card_versions WHERE tenant = $1 ORDER BY 1, 2",
            TENANT,
        ):
            evidence.old_versions.setdefault(token, []).append(number)
        audit = [tuple(row) for row in await db.fetch(_AUDIT)]
        requests = "SELECT request_id, token FROM requests WHERE tenant = $1"
        evidence.requests = {row[0]: row[1] for row in await db.fetch(requests, TENANT)}
        waiting = await db.fetch("SELECT payload FROM outbox ORDER BY token, revision")
    finally:
        await db.close()
    evidence.records = list(records_in(record for _chain, _at, record, _hash in audit))
    evidence.integrity = "ok" if _linked(audit) else "the audit's chain is broken"
    evidence.events = [*events_in(events), *(event_of(row[0]) for row in waiting)]
    return frozenset(row[3] for row in audit)


def _linked(audit: list[tuple[str, int, bytes, bytes]]) -> bool:
    """Tell whether each chain is gapless and each record linked to the one before it."""
    for _chain, rows in groupby(audit, key=lambda row: row[0]):
        head = GENESIS
        for at, (_name, sequence, record, digest) in enumerate(rows, 1):
            head = chained_hash(head, record)
            if (sequence, digest) != (at, head):
                return False
    return True


async def old_side(node: Node, database: str, since_s: float) -> list[OldRow]:
    """Read an old primary's recent records past all networks, once it can be read."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            db = await asyncpg.connect(
                host=str(node.root / "socket"), port=PORT, user="postgres", database=database
            )
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)  # it is being demoted
            continue
        try:
            await db.execute(_LET_GO)
            rows = await db.fetch(_RECENT, int(since_s * 1_000_000))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)
            continue
        finally:
            db.terminate()
        return [OldRow(record, digest) for line, digest in rows for record in records_in([line])]


def only_there(old: Collection[OldRow], kept: Collection[bytes]) -> list[OldRow]:
    """Return what the cluster has no more."""
    return [row for row in old if row.hash not in kept]


def wrongly_acknowledged(
    history: History, lost: Collection[OldRow], records: Collection[Record]
) -> Iterator[Violation]:
    """Name each of these that a client was told: an attempt to reveal, a token that is no more.

    Unless `records`, the cluster's, have it too: to store a number that is there already answers
    with the same token however often it is tried, so the answer may have come from either side.
    """
    revealed = {(r.token, r.request_id) for r in history.reveals if r.end is End.DONE}
    stored = {(c.token, c.request_id) for c in history.changes if c.end is End.DONE}
    both = {(r.action, r.result, r.token, r.request_id) for r in records}
    for record, _hash in lost:
        key = (record.token, record.request_id)
        if record.result != "ok" or not record.request_id:
            continue
        if (record.action, record.result, *key) in both:
            continue
        if record.action == "card.reveal" and key in revealed:
            yield Violation(Breach.UNRECORDED_REVEAL, f"{key}: by the old side")
        if record.action == Kind.TOKENIZE and key in stored:
            yield Violation(Breach.LOST_WRITE, f"{key}: by the old side")
