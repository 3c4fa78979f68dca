"""Forged and missing checkpoints, rollbacks, forks, and proofs of inclusion."""

import json
from pathlib import Path

import apsw
import pytest

from tests.doubles.audit_database import KEY, KEYS, save, write_history
from tests.doubles.audit_kinds import placed
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.adapters.audit_verify.findings import MAX_FINDINGS, Finding, Kind, Report
from vault.adapters.audit_verify.proofs import (
    Proof,
    ProofInvalid,
    dump_checkpoint,
    dump_proof,
    load_checkpoint,
    load_proof,
    prove,
)
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import verify_audit
from vault.crypto.checkpoints import CheckpointBody, CheckpointKey, PublicKeys, parse_body
from vault.domain.audit import AuditFacts, link
from vault.usecases.chain_start import start_chain
from vault.usecases.checkpointer import Checkpointer


@pytest.fixture
async def store() -> FakeAuditStore:
    store = FakeAuditStore()
    await write_history(store)
    return store


def test_an_edited_checkpoint_is_named(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE checkpoints SET body = CAST(body || ' ' AS BLOB) WHERE number = 4")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.CHECKPOINT_FORGED, "", 4, 4)]


def test_a_checkpoint_signed_by_somebody_else_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    forged = CheckpointKey(b"\x08" * 32).sign(parse_body(store.signed[6].body))
    for key_id in (forged.key_id, KEY.key_id):
        db.execute(
            "UPDATE checkpoints SET signature = ?, key_id = ? WHERE number = 7",
            (forged.signature, key_id),
        )
        assert placed(verify_audit(path, KEYS).findings) == [(Kind.CHECKPOINT_FORGED, "", 7, 7)]


def test_a_column_that_denies_the_body_is_named(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE checkpoints SET time = 1 WHERE number = 9")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.CHECKPOINT_FORGED, "", 9, 9)]


def test_swapped_checkpoints_are_named(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE checkpoints SET number = -5 WHERE number = 5")
    db.execute("UPDATE checkpoints SET number = 5 WHERE number = 6")
    db.execute("UPDATE checkpoints SET number = 6 WHERE number = -5")
    findings = verify_audit(path, KEYS).findings
    assert placed(findings) == [
        (Kind.CHECKPOINT_FORGED, "", 5, 5),
        (Kind.CHECKPOINT_FORGED, "", 6, 6),
    ]


def test_missing_checkpoints_are_named(path: Path, db: apsw.Connection) -> None:
    db.execute("DELETE FROM checkpoints WHERE number IN (5, 6)")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.CHECKPOINT_MISSING, "", 5, 6)]


def test_a_history_signed_anew_is_unlinked(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    body = parse_body(store.signed[4].body)
    other = KEY.sign(body._replace(time=body.time + 1))
    db.execute(
        "UPDATE checkpoints SET body = ?, time = ?, signature = ? WHERE number = 5",
        (other.body, other.time, other.signature),
    )
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.CHECKPOINT_UNLINKED, "", 6, 6)]


def test_a_rollback_is_seen_by_a_checkpoint_from_elsewhere(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    kept = load_checkpoint(dump_checkpoint(store.signed[-1]))
    before = parse_body(store.signed[-3].body)
    size = next(mark.size for mark in before.chains if mark.chain == "chn_2")
    db.execute("DELETE FROM checkpoints WHERE number > ?", (before.number,))
    db.execute("DELETE FROM audit WHERE chain = 'chn_2' AND sequence > ?", (size,))
    db.execute(
        "UPDATE chains SET (sequence, hash) = (SELECT sequence, hash FROM audit"
        " WHERE chain = 'chn_2' AND sequence = ?) WHERE chain = 'chn_2'",
        (size,),
    )
    assert verify_audit(path, KEYS).ok  # all that is left agrees: only the copy kept tells
    assert placed(verify_audit(path, KEYS, kept).findings) == [
        (Kind.ROLLED_BACK, "", before.number + 1, kept.number),
        (Kind.TRUNCATED, "chn_2", size + 1, 108),
    ]


def test_a_checkpoint_from_elsewhere_wins_over_the_stored_one(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    body = parse_body(store.signed[-1].body)
    other = KEY.sign(body._replace(time=body.time + 1))
    assert placed(verify_audit(path, KEYS, other).findings)[0] == (
        Kind.CHECKPOINT_FORGED,
        "",
        body.number,
        body.number,
    )
    assert verify_audit(path, KEYS, store.signed[-1]).ok


def test_a_given_checkpoint_must_be_signed_itself(path: Path, store: FakeAuditStore) -> None:
    forged = store.signed[-1]._replace(signature=bytes(64), number=99)
    assert placed(verify_audit(path, KEYS, forged).findings) == [
        (Kind.CHECKPOINT_FORGED, "", 99, 99)
    ]


def test_a_record_appended_behind_a_chain_s_end_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    row, head = link(store.head("chn_0"), 5, AuditFacts("acme", "app", "", "card.reveal", "ok"))
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", row)
    db.execute("UPDATE chains SET sequence = ?, hash = ? WHERE chain = ?", (*head[1:], "chn_0"))
    assert placed(verify_audit(path, KEYS).findings) == [
        (Kind.ADDED, "chn_0", 109, 109),
        (Kind.FORK, "chn_0", 109, 109),
    ]


def test_a_record_appended_without_the_head_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    row, _head = link(store.head("chn_2"), 5, AuditFacts("acme", "app", "", "card.reveal", "ok"))
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", row)
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.ADDED, "chn_2", 109, 109)]


def test_a_chain_out_of_nowhere_is_named(path: Path, db: apsw.Connection) -> None:
    db.execute(
        "INSERT INTO audit SELECT 'chn_9', sequence, time, record, hash FROM audit"
        " WHERE chain = 'chn_0' AND sequence = 1"
    )
    kinds = {finding.kind for finding in verify_audit(path, KEYS).findings}
    assert kinds == {Kind.EDITED, Kind.ADDED}


def test_a_whole_chain_gone_is_named(path: Path, db: apsw.Connection) -> None:
    db.execute("DELETE FROM audit WHERE chain = 'chn_1'")
    db.execute("DELETE FROM chains WHERE chain = 'chn_1'")
    findings = verify_audit(path, KEYS).findings
    assert (Kind.TRUNCATED, "chn_1", 1, 108) in placed(findings)


def test_an_unended_fork_is_named(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE chains SET ended = 0 WHERE chain = 'chn_0'")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.FORK, "chn_0", 108, 108)]


def test_a_chain_that_nobody_ended_is_named(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE chains SET ended = 1 WHERE chain = 'chn_2'")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.FORK, "chn_2", 108, 108)]


async def test_records_behind_the_last_checkpoint_are_told_and_linked(
    store: FakeAuditStore, tmp_path: Path
) -> None:
    store.add("chn_2", 4)
    path = tmp_path / "behind.db"
    save(store, path)
    report = verify_audit(path, KEYS)
    assert report.ok
    assert report.behind == 4
    db = apsw.Connection(str(path))
    db.execute("DELETE FROM audit WHERE chain = 'chn_2' AND sequence = 110")
    db.close()
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.DROPPED, "chn_2", 110, 110)]


async def test_a_process_that_died_before_its_first_checkpoint_is_covered(tmp_path: Path) -> None:
    store = FakeAuditStore()
    for chain in ("chn_0", "chn_1", "chn_2"):  # none of the first two ever signs
        started = await start_chain(store, store, chain, lambda: 7)
        store.add(chain, 3)
    checkpointer = Checkpointer(store, [KEY], lambda: 8)
    await checkpointer.resume(started)
    signed = await checkpointer.checkpoint()
    assert signed is not None
    marks = {mark.chain: (mark.size, mark.ended) for mark in parse_body(signed.body).chains}
    assert marks == {"chn_0": (4, True), "chn_1": (4, True), "chn_2": (1, False)}
    save(store, tmp_path / "early.db")
    assert verify_audit(tmp_path / "early.db", KEYS).ok


@pytest.mark.parametrize("sequence", [1, 2, 64, 65, 107, 108], ids=lambda n: f"record {n}")
def test_any_record_is_proved_by_a_file_of_its_own(path: Path, sequence: int) -> None:
    for chain in ("chn_0", "chn_2"):
        proof = load_proof(dump_proof(prove(path, chain, sequence, KEYS)))
        assert json.loads(proof.record)["seq"] == sequence
        assert proof.holds(KEYS)


def test_a_proof_of_anything_else_does_not_hold(path: Path) -> None:
    proof = prove(path, "chn_1", 50, KEYS)
    other = prove(path, "chn_1", 51, KEYS)
    false: list[Proof] = [
        proof._replace(sequence=51),
        proof._replace(sequence=0),
        proof._replace(sequence=1_000),
        proof._replace(chain="chn_0"),
        proof._replace(record=proof.record + b" "),
        proof._replace(record=other.record),
        proof._replace(path=proof.path[:-1]),
        proof._replace(path=(*proof.path, bytes(32))),
        proof._replace(path=other.path),
        proof._replace(checkpoint=proof.checkpoint._replace(signature=bytes(64))),
    ]
    assert not any(each.holds(KEYS) for each in false)
    assert not proof.holds(PublicKeys(CheckpointKey(b"\x01" * 32).public))


def test_what_is_not_there_or_not_signed_is_not_proved(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    with pytest.raises(ProofInvalid, match="no such record"):
        prove(path, "chn_0", 1_000, KEYS)
    with pytest.raises(ProofInvalid, match="covers"):
        prove(path, "chn_0", 5, PublicKeys(CheckpointKey(b"\x01" * 32).public))
    db.execute("UPDATE audit SET record = x'00' WHERE chain = 'chn_0' AND sequence = 5")
    with pytest.raises(ProofInvalid, match="tampered"):
        prove(path, "chn_0", 6, KEYS)
    db.execute("DELETE FROM audit WHERE chain = 'chn_0' AND sequence > 5")
    with pytest.raises(ProofInvalid, match="missing"):
        prove(path, "chn_0", 5, KEYS)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"body": 1}'], ids=["none", "list", "bare", "type"]
)
def test_files_that_are_neither_are_refused(text: bytes) -> None:
    with pytest.raises(ProofInvalid):
        load_checkpoint(text)
    with pytest.raises(ProofInvalid):
        load_proof(text)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotReadable):
        verify_audit(tmp_path / "nowhere.db", KEYS)
    (tmp_path / "text.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(NotReadable):
        verify_audit(tmp_path / "text.db", KEYS)


def test_a_log_beside_the_copy_is_read_too(path: Path, db: apsw.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("DELETE FROM audit WHERE chain = 'chn_0' AND sequence = 5")
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.DROPPED, "chn_0", 5, 5)]


def test_public_keys_come_as_pem() -> None:
    other = CheckpointKey(b"\x01" * 32)
    keys = PublicKeys.from_pem(KEY.public_pem() + other.public_pem())
    body = CheckpointBody(1, 2, ())
    assert keys.signed(KEY.sign(body))
    assert keys.signed(other.sign(body))
    with pytest.raises(ValueError, match="no public key"):
        PublicKeys.from_pem(b"")


def test_findings_are_bounded_and_readable() -> None:
    report = Report()
    for number in range(MAX_FINDINGS + 3):
        report.add(Kind.DROPPED, "chn_0", number, number, "it is not there")
    assert len(report.findings) == MAX_FINDINGS
    assert report.more == 3
    assert str(report.findings[7]) == "DROPPED: chain chn_0 record 7: it is not there"
    assert str(Finding(Kind.ROLLED_BACK, "", 3, 5, "gone")) == ("ROLLED_BACK: checkpoint 3-5: gone")
