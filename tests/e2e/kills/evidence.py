"""What the vault has to show for it: its API, its database file, its events file."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cardvault.vault.v1.card_pb2 import CardStatus
from cardvault.vault.v1.event_pb2 import CardEvent

TENANT = "demo"


class SeenCard(NamedTuple):
    """A card as GetCard shows it, with its number as Detokenize does (a counter; 0: deleted)."""

    revision: int
    credential_version: int
    status: str
    number: int
    tag: str
    expiry_year: int
    customer: str
    versions: int  # how many ListCardVersions lists


class StoredRow(NamedTuple):
    """A card in the database file."""

    revision: int
    credential_version: int
    customer: str
    fingerprint: str


class Record(NamedTuple):
    """An audit record."""

    action: str
    result: str
    token: str
    request_id: str
    revision: int


class Event(NamedTuple):
    """One event, from the file or still in the outbox."""

    token: str
    revision: int
    type: str
    told_revision: int  # of the card inside
    told_status: str
    digest: bytes


@dataclass(slots=True)
class Evidence:
    """All of it. `events` is in the order of the file, what waits in the outbox behind it."""

    cards: dict[str, SeenCard] = field(default_factory=dict)
    rows: dict[str, StoredRow] = field(default_factory=dict)
    old_versions: dict[str, list[int]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)  # request id → token
    events: list[Event] = field(default_factory=list)
    integrity: str = "ok"


def add_files(evidence: Evidence, database: Path, events: Path) -> None:
    """Read a stopped vault's files; replaces all that came from files before."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        evidence.integrity = str(db.execute("PRAGMA integrity_check").fetchone()[0])
        evidence.rows = {
            token: StoredRow(*rest)
            for token, *rest in db.execute(
                "SELECT token, revision, credential_version, customer, fingerprint FROM cards"
                " WHERE tenant = ?",
                (TENANT,),
            )
        }
        evidence.old_versions = {}
        for token, number in db.execute(
            "SELECT token, credential_version FROM card_versions WHERE tenant = ? ORDER BY 1, 2",
            (TENANT,),
        ):
            evidence.old_versions.setdefault(token, []).append(number)
        evidence.records = list(
            records_in(
                row[0] for row in db.execute("SELECT record FROM audit ORDER BY chain, sequence")
            )
        )
        evidence.requests = dict(
            db.execute("SELECT request_id, token FROM requests WHERE tenant = ?", (TENANT,))
        )
        waiting = db.execute("SELECT payload FROM outbox ORDER BY token, revision").fetchall()
    evidence.events = [*events_in(events.read_bytes()), *(event_of(row[0]) for row in waiting)]


def records_in(lines: Iterable[bytes]) -> Iterator[Record]:
    """Read audit records of the clients' tenant from their stored bytes."""
    for line in lines:
        fields = json.loads(line)
        if fields.get("tenant") == TENANT:
            yield Record(
                fields["action"],
                fields["result"],
                fields.get("token", ""),
                fields.get("request_id", ""),
                fields.get("revision", 0),
            )


def events_in(content: bytes) -> Iterator[Event]:
    """Read the events file; an end that was torn by the last kill is nobody's event."""
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        envelope = json.loads(line)
        event = event_of(base64.b64decode(envelope["data_base64"]))
        identity = f"{TENANT}/{event.token}/{event.revision}"
        if (envelope["id"], envelope["type"]) != (identity, event.type):
            raise ValueError("an event's envelope and content disagree")
        yield event


def event_of(payload: bytes) -> Event:
    """Read an event's bytes."""
    message = CardEvent.FromString(payload)
    return Event(
        message.token,
        message.revision,
        message.event_type,
        message.card.revision,
        CardStatus.Name(message.card.status).removeprefix("CARD_STATUS_"),
        sha256(payload).digest(),
    )
