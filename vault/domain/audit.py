"""Audit records: their bytes and the chain that links them.

A record is one line of JSON, hashed as it is stored, so a verifier needs no canonical form:

    hash(n) = SHA-256(LABEL || hash(n - 1) || record(n)),   hash(0) = 32 zero bytes

The verifier in `vault.adapters.audit_verify` reads these from a copy of the database alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
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


REFUSALS: Final = "refusals"
"""The action of a record that stands for several refusals; its note has their numbers."""


def counted_note(counted: Mapping[str, int]) -> str:
    """Return the note that tells how many refusals there were, by reason."""
    return ", ".join(f"{reason} x{count}" for reason, count in sorted(counted.items()))


START: Final = "vault.start"
REAP: Final = "vault.reap"
"""The two actions whose note names chains that the record's own transaction has ended."""


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
_SAME: Final = 5  # of the facts, the first ones are the same for most of a caller's records


def chained_hash(previous: bytes, record: bytes) -> bytes:
    """Return the hash that links `record` behind `previous`."""
    return sha256(LABEL + previous + record).digest()


def link(head: ChainHead, time: int, facts: AuditFacts) -> tuple[AuditRow, ChainHead]:
    """Append one record to a chain and return its row and the chain's new head."""
    chain, sequence, previous = head
    sequence += 1
    # One by one, in the order of the facts: in a loop they take half as long again.
    token, purpose, reason, request_id, revision, note = facts[_SAME:]
    text = f'{_begun(chain)}{sequence},"time":{time}{_said(facts[:_SAME])}'
    if token:
        text += f',"token":{_quoted(token)}'
    if purpose:
        text += f',"purpose":{_quoted(purpose)}'
    if reason:
        text += f',"reason":{_quoted(reason)}'
    if request_id:
        text += f',"request_id":{_quoted(request_id)}'
    if revision:
        text += f',"revision":{revision}'
    if note:
        text += f',"note":{_quoted(note)}'
    record = f"{text}}}".encode()
    digest = chained_hash(previous, record)
    return AuditRow(chain, sequence, time, record, digest), ChainHead(chain, sequence, digest)


@lru_cache(maxsize=8)
def _begun(chain: str) -> str:
    return f'{{"v":1,"chain":{_quoted(chain)},"seq":'


@lru_cache(maxsize=1024)
def _said(facts: tuple[str, ...]) -> str:
    return "".join(
        [name + _quoted(value) for name, value in zip(_NAMES, facts, strict=False) if value]
    )


def claims_of(heads: Sequence[ChainHead]) -> str:
    """Return the note that names chains as ended, with their last records; empty for none."""
    named = [[head.chain, head.sequence, head.hash.hex()] for head in heads]
    return json.dumps(named, separators=(",", ":")) if named else ""


def ended_by(record: bytes) -> tuple[ChainHead, ...]:
    """Read from a record which chains it ended: a chain's first one, or a reaper's."""
    if b"vault." not in record:
        return ()  # most records are spared the reading
    try:
        fields = json.loads(record)
        if fields["action"] not in {START, REAP} or "note" not in fields:
            return ()
        named = json.loads(fields["note"])
        return tuple([ChainHead(str(c), int(s), bytes.fromhex(h)) for c, s, h in named])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return ()
