"""The audit as JSON lines, so that an auditor needs no way into the database.

The first line says what it is, the last one how many lines of each kind there are. Bytes are in
base64. Reading puts it into an SQLite file of its own, without any key, so that whatever was done
to the lines is there to be found; memory stays bounded, and the file is gone afterwards.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import apsw

from vault.adapters.audit_verify.database import AuditFile
from vault.adapters.audit_verify.trail import NotReadable, Trail

FORMAT: Final = "cardvault-audit/1"
_LONGEST: Final = 64 << 20
_BATCH: Final = 10_000
_TABLES: Final = """
CREATE TABLE chains (chain, sequence, hash, ended);
CREATE TABLE audit (chain, sequence, time, record, hash);
CREATE TABLE checkpoints (number, time, body, key_id, signature);
"""
_ORDER: Final = """
CREATE INDEX audit_order ON audit (chain, sequence);
CREATE INDEX checkpoint_order ON checkpoints (number);
"""
_COLUMNS: Final = {
    "chain": ("chains", ("chain", "sequence", "hash", "ended")),
    "record": ("audit", ("chain", "sequence", "time", "record", "hash")),
    "checkpoint": ("checkpoints", ("number", "time", "body", "key_id", "signature")),
}
_BYTES: Final = frozenset({"hash", "record", "body", "signature"})


def write_dump(trail: Trail, out: IO[bytes]) -> Counter[str]:
    """Write one state of the audit; return how many lines of each kind. Raises NotReadable."""
    counts: Counter[str] = Counter()

    def line(kind: str, *values: object) -> None:
        fields = dict(zip(_COLUMNS[kind][1], map(_plain, values), strict=True))
        out.write(_json({"kind": kind, **fields}))
        counts[kind] += 1

    out.write(_json({"kind": "start", "format": FORMAT, "shared": trail.shared}))
    for chain in trail.chains():
        line("chain", *chain)
    for name in trail.recorded_chains():
        for record in trail.records(name):
            line("record", name, *record)
    for checkpoint in trail.checkpoints():
        line("checkpoint", *checkpoint)
    out.write(_json({"kind": "end", **{kind: counts[kind] for kind in _COLUMNS}}))
    return counts


@contextmanager
def open_dump(path: Path) -> Iterator[Trail]:
    """Read a dump. Raises NotReadable: no dump, cut short, or a line that is none."""
    with TemporaryDirectory(prefix="cardvault-audit-") as place:
        db = apsw.Connection(str(Path(place) / "dump.db"))
        try:
            db.pragma("journal_mode", "off")
            db.pragma("synchronous", "off")  # it lives as long as this process
            db.execute(_TABLES)
            with path.open("rb") as file, db:
                shared = _load(file, db)
            db.execute(_ORDER)
            yield AuditFile(db, shared=shared)
        finally:
            db.close(force=True)


def _load(file: IO[bytes], db: apsw.Connection) -> bool:
    """Fill the tables; tell whether several processes shared the database."""
    numbered = enumerate(iter(lambda: file.readline(_LONGEST), b""), start=1)
    start = _parsed(*next(numbered, (1, b"")))
    if start.get("kind") != "start" or start.get("format") != FORMAT:
        raise NotReadable("neither a vault's database nor a dump of its audit")
    counts: Counter[str] = Counter()
    for number, text in numbered:
        fields = _parsed(number, text)
        kind = str(fields.get("kind"))
        if kind == "end":
            if any(fields.get(each) != counts[each] for each in _COLUMNS):
                raise NotReadable("the dump's last line counts other lines than there are")
            return start.get("shared") is True
        if kind not in _COLUMNS:
            raise NotReadable(f"line {number} of the dump is of no known kind")
        table, columns = _COLUMNS[kind]
        values = [_stored(number, name, fields.get(name)) for name in columns]
        places = ", ".join("?" * len(columns))
        db.execute(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608 - our own names
        counts[kind] += 1
    raise NotReadable("the dump was cut short: its last line is missing")


def _parsed(number: int, text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise NotReadable(f"line {number} of the file is no line of a dump")
    return fields


def _stored(number: int, name: str, value: object) -> str | int | bytes | None:
    if name in _BYTES:
        try:
            return base64.b64decode(str(value), validate=True)
        except ValueError:
            raise NotReadable(f"line {number} of the dump holds no base64") from None
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return -1
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a character is no database's
    return value if isinstance(value, int) else None


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _json(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
