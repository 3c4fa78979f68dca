"""Frozen answers: if one of these fails, what is stored would no longer open."""

import base64
import hmac
import json
from typing import Any

import pytest

from cards.expiry import Expiry
from cards.pan import Pan
from tests.unit.vault.crypto import independent_decryptor as independent
from tests.unit.vault.crypto.golden import load, scripted
from vault.adapters.local_kms import LocalKms
from vault.crypto.blob import Place, RecordKey
from vault.crypto.checkpoints import CheckpointKey, PublicKeys, parse_body
from vault.crypto.lengths import framed
from vault.crypto.mac import MacKey
from vault.crypto.merkle import CompactRange, leaf_hash
from vault.domain.audit import GENESIS, AuditFacts, ChainHead, link
from vault.domain.contents import Contents

SEALED = load("sealed-v1.json")
AUDIT = load("audit-v1.json")
BLOBS: list[dict[str, Any]] = SEALED["blobs"]


def _place(fields: dict[str, str]) -> Place:
    return Place(**{**fields, "revision": int(fields["revision"])})  # type: ignore[arg-type]


def _key(case: dict[str, Any]) -> RecordKey:
    return RecordKey(bytes.fromhex(case["key_id"]), bytes.fromhex(case["key"]))


def _contents(fields: dict[str, str]) -> Contents:
    expiry = fields.get("expiry")
    return Contents(
        Pan(fields["number"]),
        Expiry(int(expiry[:4]), int(expiry[5:])) if expiry else None,
        fields.get("name", ""),
        fields.get("address", ""),
    )


@pytest.mark.parametrize("case", BLOBS, ids=[case["name"] for case in BLOBS])
def test_blobs_are_sealed_and_opened_as_ever(case: dict[str, Any]) -> None:
    key, place, blob = _key(case), _place(case["place"]), bytes.fromhex(case["blob"])
    plaintext = bytes.fromhex(case["plaintext"])
    assert place.aad(key.key_id) == bytes.fromhex(case["aad"])
    assert (_contents(case["contents"]).encode() == plaintext) is True
    assert key.seal(plaintext, place, scripted(bytes.fromhex(case["salt"]))) == blob
    opened = Contents.decode(key.open(blob, place))
    assert (opened == _contents(case["contents"])) is True


@pytest.mark.parametrize("case", BLOBS, ids=[case["name"] for case in BLOBS])
def test_the_independent_decryptor_opens_them(case: dict[str, Any]) -> None:
    opened = independent.open_card(
        bytes.fromhex(case["key"]), bytes.fromhex(case["blob"]), case["place"]
    )
    assert (opened == case["contents"]) is True


def test_security_codes_are_as_ever() -> None:
    case = SEALED["security_code"]
    key, place, blob = _key(case), _place(case["place"]), bytes.fromhex(case["blob"])
    assert key.seal(
        bytes.fromhex(case["plaintext"]), place, scripted(bytes.fromhex(case["salt"]))
    ) == (blob)
    assert independent.open_blob(bytes.fromhex(case["key"]), blob, case["place"]) == bytes.fromhex(
        case["plaintext"]
    )


async def test_wrapped_keys_are_as_ever() -> None:
    case = SEALED["wrapped"]
    file, secret = case["key_file"], bytes.fromhex(case["secret"])
    wrapped = bytes.fromhex(case["wrapped"])
    text = json.dumps(file).encode()
    kek = base64.b64decode(file["key"])
    kms = LocalKms(bytes.fromhex(file["id"]), kek, scripted(bytes.fromhex(case["nonce"])))
    assert await kms.wrap(secret, case["context"]) == wrapped
    assert await kms.unwrap(wrapped, case["context"]) == secret
    assert independent.unwrap_local(text, wrapped, case["context"]) == secret


def test_a_card_opens_from_its_key_file_alone() -> None:
    wrapped, case = SEALED["wrapped"], BLOBS[0]
    data_key = independent.unwrap_local(
        json.dumps(wrapped["key_file"]).encode(),
        bytes.fromhex(wrapped["wrapped"]),
        wrapped["context"],
    )
    opened = independent.open_card(data_key, bytes.fromhex(case["blob"]), case["place"])
    assert (opened == case["contents"]) is True


@pytest.mark.parametrize("case", SEALED["framed"], ids=["nothing", "empty", "long"])
def test_framing_is_as_ever(case: dict[str, Any]) -> None:
    parts = [bytes.fromhex(part) for part in case["parts"]]
    assert framed(parts) == bytes.fromhex(case["bytes"])
    assert independent.framed(*parts) == bytes.fromhex(case["bytes"])


@pytest.mark.parametrize("case", SEALED["fingerprints"], ids=lambda case: case["kind"])
def test_number_macs_are_as_ever(case: dict[str, str]) -> None:
    key = MacKey(bytes(8), bytes.fromhex(case["key"]))
    assert key.fingerprint(case["kind"], Pan(case["number"])) == bytes.fromhex(case["mac"])
    message = framed((case["kind"].encode(), case["number"].encode()))
    expected = hmac.digest(bytes.fromhex(case["key"]), message, "sha256")
    assert expected == bytes.fromhex(case["mac"])


@pytest.mark.parametrize("case", SEALED["requests"], ids=["empty", "short", "zeros"])
def test_request_macs_are_as_ever(case: dict[str, str]) -> None:
    key = MacKey(bytes(8), bytes.fromhex(case["key"]))
    body, mac = bytes.fromhex(case["body"]), bytes.fromhex(case["mac"])
    assert key.mac(body) == mac
    assert key.verify(body, mac)
    assert not key.verify(body + b"\x00", mac)
    assert hmac.digest(bytes.fromhex(case["key"]), body, "sha256") == mac


def test_audit_records_are_as_ever() -> None:
    head, tree = ChainHead(AUDIT["chain"], 0, GENESIS), CompactRange()
    for case in AUDIT["records"]:
        row, head = link(head, case["time"], AuditFacts(**case["facts"]))
        tree.append(leaf_hash(row.record))
        assert row.record.decode() == case["record"]
        assert row.hash.hex() == case["hash"]
        assert leaf_hash(row.record).hex() == case["leaf"]
        assert tree.root().hex() == case["root"]


def test_checkpoints_are_as_ever() -> None:
    case = AUDIT["checkpoint"]
    key = CheckpointKey(bytes.fromhex(case["seed"]))
    body = parse_body(case["body"].encode())
    signed = key.sign(body)
    assert body.encode() == case["body"].encode()
    assert body.previous.hex() == case["previous"]
    assert body.chains[1].head.hex() == AUDIT["records"][-1]["hash"]
    assert body.chains[1].root.hex() == AUDIT["records"][-1]["root"]
    assert (signed.key_id, signed.signature.hex()) == (case["key_id"], case["signature"])
    assert PublicKeys.from_pem(case["public_pem"].encode()).signed(signed)
