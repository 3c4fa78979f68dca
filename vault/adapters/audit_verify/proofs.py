"""Checkpoints and proofs of inclusion as files, to be kept and checked somewhere else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from vault.adapters.audit_verify.opening import open_trail
from vault.adapters.audit_verify.trail import Trail
from vault.crypto.checkpoints import BodyInvalid, ChainMark, PublicKeys, parse_body
from vault.crypto.merkle import includes, inclusion_path, leaf_hash
from vault.domain.queries import Checkpoint

# JSON may nest without end, and may hold an Infinity, which is no whole number.
_NOT_OURS: Final = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


class ProofInvalid(Exception):
    """A file is no checkpoint or proof, or there is nothing to prove."""


class Proof(NamedTuple):
    """That a record is in the audit: its path to a root, and the signed checkpoint with the root.

    Stands alone: it is checked with a public key and nothing else.
    """

    chain: str
    sequence: int
    record: bytes
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def holds(self, keys: PublicKeys) -> bool:
        """Tell whether the checkpoint is signed and covers exactly this record, at its place."""
        if not keys.signed(self.checkpoint):
            return False
        try:
            mark = _mark_of(self.checkpoint, self.chain)
        except BodyInvalid:
            return False
        if mark is None:
            return False
        leaf = leaf_hash(self.record)
        return includes(leaf, self.sequence - 1, mark.size, self.path, mark.root)


def prove(source: Path | str, chain: str, sequence: int, keys: PublicKeys) -> Proof:
    """Prove a record by the newest signed checkpoint that covers it; one pass over its chain.

    Raises ProofInvalid where there is no such record, no such checkpoint, or where the database
    was tampered with so that no proof holds; NotReadable.
    """
    with open_trail(source) as file:
        stored = file.record(chain, sequence)
        if stored is None:
            raise ProofInvalid("there is no such record")
        checkpoint, mark = _covering(file, chain, sequence, keys)
        leaves = (leaf_hash(row.record) for row in file.records(chain))
        try:
            nodes = tuple(inclusion_path(leaves, sequence - 1, mark.size))
        except ValueError:
            raise ProofInvalid("records are missing: run audit verify") from None
    proof = Proof(chain, sequence, stored.record, nodes, checkpoint)
    if not proof.holds(keys):
        raise ProofInvalid("the chain was tampered with: run audit verify")
    return proof


def _covering(
    file: Trail, chain: str, sequence: int, keys: PublicKeys
) -> tuple[Checkpoint, ChainMark]:
    for checkpoint in file.checkpoints(newest_first=True):
        if keys.signed(checkpoint):
            mark = _mark_of(checkpoint, chain)
            if mark is not None and mark.size >= sequence:
                return checkpoint, mark
    raise ProofInvalid("no signed checkpoint covers this record yet")


def _mark_of(checkpoint: Checkpoint, chain: str) -> ChainMark | None:
    marks = parse_body(checkpoint.body).chains
    return next((mark for mark in marks if mark.chain == chain), None)


def dump_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as a file to be kept elsewhere."""
    return json.dumps(_checkpoint_fields(checkpoint), indent=1).encode() + b"\n"


def load_checkpoint(text: bytes) -> Checkpoint:
    """Read a checkpoint's file. Raises ProofInvalid."""
    try:
        return _checkpoint(json.loads(text))
    except _NOT_OURS:
        raise ProofInvalid("this file is no checkpoint") from None


def dump_proof(proof: Proof) -> bytes:
    """Return a proof as a file."""
    fields = {
        "v": 1,
        "chain": proof.chain,
        "sequence": proof.sequence,
        "record": _encoded(proof.record),
        "path": [node.hex() for node in proof.path],
        "checkpoint": _checkpoint_fields(proof.checkpoint),
    }
    return json.dumps(fields, indent=1).encode() + b"\n"


def load_proof(text: bytes) -> Proof:
    """Read a proof's file. Raises ProofInvalid."""
    try:
        fields = json.loads(text)
        return Proof(
            str(fields["chain"]),
            int(fields["sequence"]),
            _decoded(fields["record"]),
            tuple([bytes.fromhex(node) for node in fields["path"]]),
            _checkpoint(fields["checkpoint"]),
        )
    except _NOT_OURS:
        raise ProofInvalid("this file is no proof") from None


def _checkpoint_fields(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "number": checkpoint.number,
        "time": checkpoint.time,
        "body": _encoded(checkpoint.body),
        "key_id": checkpoint.key_id,
        "signature": _encoded(checkpoint.signature),
    }


def _checkpoint(fields: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        int(fields["number"]),
        int(fields["time"]),
        _decoded(fields["body"]),
        str(fields["key_id"]),
        _decoded(fields["signature"]),
    )


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
