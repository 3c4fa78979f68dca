"""Signed checkpoints: where every audit chain stood, linked one to the next.

The body is JSON, signed and hashed as it is stored; docs/reference/audit-format.md describes it.
The Ed25519 signature is over `LABEL || body`. A key is known by the first 8 bytes of the SHA-256
of its raw public key, so that a verifier finds it with the public key alone.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from vault.domain.audit import GENESIS
from vault.domain.queries import Checkpoint

LABEL: Final = b"cardvault/checkpoint/v1\n"
_END: Final = b"-----END PUBLIC KEY-----"
_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


class BodyInvalid(Exception):
    """Bytes that are no checkpoint of a known version."""


class ChainMark(NamedTuple):
    """A chain's state: its last record's hash, and the tree over its records.

    `nodes` (the tree's perfect subtrees, largest first) let a successor grow the tree without
    reading it again, and a verifier tell which stretch of a chain was rewritten.
    """

    chain: str
    size: int
    head: bytes
    root: bytes
    nodes: tuple[bytes, ...]
    ended: bool


class CheckpointBody(NamedTuple):
    """What is signed. `previous` is the SHA-256 of the checkpoint before, zeros for the first."""

    number: int
    time: int
    chains: tuple[ChainMark, ...]
    previous: bytes = GENESIS

    def encode(self) -> bytes:
        """Return the JSON that is signed and stored."""
        chains = []
        for mark in self.chains:
            fields: dict[str, object] = {
                "chain": mark.chain,
                "size": mark.size,
                "head": mark.head.hex(),
                "root": mark.root.hex(),
                "nodes": [node.hex() for node in mark.nodes],
            }
            if mark.ended:
                fields["ended"] = True
            chains.append(fields)
        body = {
            "v": 1,
            "number": self.number,
            "time": self.time,
            "chains": chains,
            "previous": self.previous.hex(),
        }
        return _ENCODE(body).encode()


def parse_body(body: bytes) -> CheckpointBody:
    """Read a checkpoint's body. Raises BodyInvalid."""
    try:
        fields = json.loads(body)
        if fields["v"] != 1:
            raise BodyInvalid("a version that this program does not know")
        chains = tuple([_parse_mark(each) for each in fields["chains"]])
        parsed = CheckpointBody(
            int(fields["number"]), int(fields["time"]), chains, bytes.fromhex(fields["previous"])
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise BodyInvalid("not a checkpoint") from None
    return parsed


def _parse_mark(fields: dict[str, Any]) -> ChainMark:
    mark = ChainMark(
        str(fields["chain"]),
        int(fields["size"]),
        bytes.fromhex(fields["head"]),
        bytes.fromhex(fields["root"]),
        tuple([bytes.fromhex(node) for node in fields["nodes"]]),
        fields.get("ended", False) is True,
    )
    if mark.size < 0 or len(mark.nodes) != mark.size.bit_count():
        raise BodyInvalid("a chain's nodes do not fit its size")
    return mark


def body_hash(body: bytes) -> bytes:
    """Return what the next checkpoint names as its previous one."""
    return sha256(body).digest()


def key_id_of(public: Ed25519PublicKey) -> str:
    """Return the id of a checkpoint key."""
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(raw).digest()[:8].hex()


class CheckpointKey:
    """Signs checkpoints. Holds key material: never printed, never pickled."""

    __slots__ = ("_private", "key_id", "public")

    def __init__(self, secret: bytes) -> None:
        self._private: Final = Ed25519PrivateKey.from_private_bytes(secret)
        self.public: Final = self._private.public_key()
        self.key_id: Final = key_id_of(self.public)

    def __repr__(self) -> str:
        return f"<CheckpointKey {self.key_id}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("keys are not serialised")

    def sign(self, body: CheckpointBody) -> Checkpoint:
        """Return the signed checkpoint."""
        encoded = body.encode()
        signature = self._private.sign(LABEL + encoded)
        return Checkpoint(body.number, body.time, encoded, self.key_id, signature)

    def public_pem(self) -> bytes:
        """Return the public key, as verifiers take it."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class PublicKeys:
    """The keys a verifier trusts: the active one and its predecessors."""

    __slots__ = ("_keys",)

    def __init__(self, *keys: Ed25519PublicKey) -> None:
        self._keys: Final = {key_id_of(key): key for key in keys}

    @classmethod
    def from_pem(cls, text: bytes) -> PublicKeys:
        """Read one or more PEM public keys, one behind the other. Raises ValueError."""
        keys = []
        for block in text.split(_END)[:-1]:
            try:
                key = load_pem_public_key(block + _END)
            except (ValueError, UnsupportedAlgorithm):  # its text would quote the block
                raise ValueError("not a public key in PEM") from None
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError("a checkpoint key is an Ed25519 key")  # noqa: TRY004
            keys.append(key)
        if not keys:
            raise ValueError("no public key in this file")
        return cls(*keys)

    def signed(self, checkpoint: Checkpoint) -> bool:
        """Tell whether one of these keys signed this checkpoint's body."""
        key = self._keys.get(checkpoint.key_id)
        if key is None:
            return False
        try:
            key.verify(checkpoint.signature, LABEL + checkpoint.body)
        except InvalidSignature:
            return False
        return True
