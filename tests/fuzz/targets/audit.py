"""What an auditor reads: records, checkpoints, proofs, public keys, and whole dumps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from tests.fuzz.judge import CANARY, attempted, same
from tests.fuzz.target import Broken, Opened, Target, plain_target
from vault.adapters.audit_verify.dump import write_dump
from vault.adapters.audit_verify.proofs import (
    Proof,
    ProofInvalid,
    dump_checkpoint,
    dump_proof,
    load_checkpoint,
    load_proof,
)
from vault.adapters.audit_verify.trail import NotReadable, StoredChain, StoredRecord
from vault.adapters.audit_verify.verify import verify_audit
from vault.crypto.checkpoints import (
    BodyInvalid,
    ChainMark,
    CheckpointBody,
    CheckpointKey,
    PublicKeys,
    parse_body,
)
from vault.crypto.merkle import CompactRange, inclusion_path, leaf_hash
from vault.domain.audit import AuditFacts, AuditRow, ChainHead, claims_of, ended_by, link
from vault.domain.queries import Checkpoint

_KEY: Final = CheckpointKey(b"s" * 32)
_KEYS: Final = PublicKeys(_KEY.public)
_NOTE: Final = claims_of([ChainHead("older", 4, b"h" * 32)])


_FACTS: Final = AuditFacts("demo", "spiffe://demo/app", "ipv4:10.0.0.1:5", "vault.start", "ok")


def _rows(note: str = "") -> list[AuditRow]:
    rows, head = [], ChainHead("chain-1", 0, bytes(32))
    for number in range(5):
        facts = _FACTS._replace(note=CANARY if number else note)
        row, head = link(head, 1_700_000_000_000_000 + number, facts)
        rows.append(row)
    return rows


_ROWS: Final = _rows()


def _signed() -> Checkpoint:
    tree = CompactRange()
    for row in _ROWS:
        tree.append(leaf_hash(row.record))
    mark = ChainMark("chain-1", 5, _ROWS[-1].hash, tree.root(), tree.nodes, ended=False)
    return _KEY.sign(CheckpointBody(1, 1_700_000_000_000_009, (mark,)))


_CHECKPOINT: Final = _signed()


def _proof() -> Proof:
    path = inclusion_path((leaf_hash(row.record) for row in _ROWS), 2, 5)
    return Proof("chain-1", 3, _ROWS[2].record, tuple(path), _CHECKPOINT)


def record(data: bytes) -> str:
    """Read which chains a record says it has ended."""
    return "taken" if ended_by(data) else "refused"


def body(data: bytes) -> str:
    """Read a checkpoint's body; what is read is written as it was, if it was ours."""
    found, said = attempted(data, lambda: parse_body(data), BodyInvalid)
    if found is not None:
        again = parse_body(found.encode())
        same(again, found, "a checkpoint's body")
    return said


def checkpoint(data: bytes) -> str:
    """Read a checkpoint's file, and see whether it is signed."""
    found, said = attempted(data, lambda: load_checkpoint(data), ProofInvalid)
    if found is not None:
        if _KEYS.signed(found) and found.body != _CHECKPOINT.body:
            raise Broken("a signature holds that nobody made")
        return "taken" if _KEYS.signed(found) else "unsigned"
    return said


def proof(data: bytes) -> str:
    """Read a proof's file, and see whether it holds."""
    found, said = attempted(data, lambda: load_proof(data), ProofInvalid)
    if found is None:
        return said
    if not found.holds(_KEYS):
        return "does not hold"
    if (found.chain, found.record) not in [(row.chain, row.record) for row in _ROWS]:
        raise Broken("a proof holds of a record that nobody wrote")
    return "taken"


def public_keys(data: bytes) -> str:
    """Read public keys."""
    return attempted(data, lambda: PublicKeys.from_pem(data), ValueError)[1]


class _Trail:
    """The audit that the seeds tell of."""

    shared = True

    def chains(self) -> Iterator[StoredChain]:
        yield StoredChain("chain-1", 5, _ROWS[-1].hash, ended=False)

    def recorded_chains(self) -> Iterator[str]:
        yield "chain-1"

    def records(self, chain: str) -> Iterator[StoredRecord]:
        del chain
        yield from (StoredRecord(row.sequence, row.time, row.record, row.hash) for row in _ROWS)

    def record(self, chain: str, sequence: int) -> StoredRecord | None:
        del chain, sequence
        return None

    def checkpoints(self, *, newest_first: bool = False) -> Iterator[Checkpoint]:
        del newest_first
        yield _CHECKPOINT


def _dumped() -> bytes:
    out = BytesIO()
    write_dump(_Trail(), out)
    return out.getvalue()


@contextmanager
def _opened_dump(scratch: Path) -> Iterator[Opened]:
    path = scratch / "audit.jsonl"

    def dump(data: bytes) -> str:
        path.write_bytes(data)
        report, said = attempted(data, lambda: verify_audit(path, _KEYS), NotReadable)
        if report is None:
            return said
        return "taken" if report.ok else "found tampered with"

    yield Opened(dump, [_dumped()])


def _files() -> Sequence[bytes]:
    return [dump_proof(_proof()), dump_checkpoint(_CHECKPOINT)]


_WORDS: Final = (b"Infinity", b"NaN", b'"\\ud800"', b"[]", b"{}", b"null", b"true", b"1e400")

TARGETS: Final[Sequence[Target]] = (
    plain_target("record", "audit records", record, lambda: [_rows(_NOTE)[0].record], _WORDS),
    plain_target("body", "bodies of checkpoints", body, lambda: [_CHECKPOINT.body], _WORDS),
    plain_target(
        "checkpoint", "checkpoints", checkpoint, lambda: [dump_checkpoint(_CHECKPOINT)], _WORDS
    ),
    plain_target("proof", "proofs of inclusion", proof, _files, _WORDS),
    plain_target("public-key", "public keys", public_keys, lambda: [_KEY.public_pem()]),
    Target("dump", "dumps of the audit", _opened_dump, words=_WORDS, longest=4_096),
)
