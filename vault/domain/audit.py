"""Audit records: their bytes and the chain that links them.

A record is one line of JSON, hashed as it is stored, so a verifier needs no canonical form:

    hash(n) = SHA-256(LABEL || hash(n - 1) || record(n)),   hash(0) = 32 zero bytes

The verifier in `vault.adapters.audit_verify` reads these from a copy of the database alone.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final, NamedTuple

LABEL: Final = b"cardvault/audit/v1\n"
GENESIS: Final = bytes(32)
# JSON's own quoting, in C: with it a record costs a third of what an encoder object takes.
_quoted = json.encoder.encode_basestring_ascii


class AuditRow(NamedTuple):
    """One record as it is stored. `time` is in microseconds, a column for paging only."""

    chain: str
    sequence: int
    time: int
    record: bytes
    hash: bytes


class ChainHead(NamedTuple):
    """Where a chain stands: the sequence and hash of its last record."""

    chain: str
    sequence: int
    hash: bytes


class AuditFacts(NamedTuple):
    """Who did what to which card, and how it ended (PCI DSS v4.0.1, 10.2.2)."""

    tenant: str
    principal: str
    origin: str
    action: str
    result: str  # ok | refused | dry_run
    token: str = ""
    purpose: str = ""
    reason: str = ""
    request_id: str = ""
    revision: int = 0
    note: str = ""


_NAMES: Final = tuple([f',"{name}":' for name in AuditFacts._fields])


def chained_hash(previous: bytes, record: bytes) -> bytes:
    """Return the hash that links `record` behind `previous`."""
    return sha256(LABEL + previous + record).digest()


def link(head: ChainHead, time: int, facts: AuditFacts) -> tuple[AuditRow, ChainHead]:
    """Append one record to a chain and return its row and the chain's new head."""
    sequence = head.sequence + 1
    parts = [f'{{"v":1,"chain":{_quoted(head.chain)},"seq":{sequence},"time":{time}']
    for name, value in zip(_NAMES, facts, strict=True):
        if value:
            parts += (name, _quoted(value) if isinstance(value, str) else str(value))
    parts.append("}")
    record = "".join(parts).encode()
    digest = chained_hash(head.hash, record)
    return AuditRow(head.chain, sequence, time, record, digest), ChainHead(
        head.chain, sequence, digest
    )
