"""A database made to mislead the verifier: it names what it can, and never falls over."""

import json
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.audit_database import KEY, KEYS, save, write_history
from tests.doubles.audit_kinds import placed
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.adapters.audit_verify.database import AuditFile
from vault.adapters.audit_verify.findings import Kind
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import _Verification, verify_audit
from vault.crypto.checkpoints import CheckpointBody, parse_body
from vault.domain.audit import AuditFacts, ChainHead, link
from vault.domain.card import pack
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import Want


@pytest.fixture
async def store() -> FakeAuditStore:
    store = FakeAuditStore()
    await write_history(store, processes=2, rounds=2, batch=10, tail=3)
    return store


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"chain":"chn_0"}',
        b'{"chain":"chn_0","seq":"7"}',
        b'{"chain":"chn_0","seq":-7}',
        b'{"chain":"chn_0","seq":1' + b"0" * 30 + b"}",
        b'{"chain":"chn_0","seq":1' + b"0" * 5_000 + b"}",
        b"\xff\xfe",
    ],
    ids=["empty", "null", "deep", "no number", "text", "negative", "large", "huge", "no text"],
)
@pytest.mark.parametrize("sequence", [1, 7, 24], ids=["first", "middle", "last"])
def test_any_bytes_in_a_records_place_are_named(
    path: Path, db: apsw.Connection, record: bytes, sequence: int
) -> None:
    db.execute(
        "UPDATE audit SET record = ? WHERE chain = 'chn_0' AND sequence = ?", (record, sequence)
    )
    findings = verify_audit(path, KEYS).findings
    assert (Kind.EDITED, "chn_0", sequence, sequence) in placed(findings)


def test_a_stranger_behind_a_gap_is_named_with_what_is_missing(
    path: Path, db: apsw.Connection
) -> None:
    db.execute("DELETE FROM audit WHERE chain = 'chn_0' AND sequence IN (5, 6)")
    db.execute("UPDATE audit SET record = x'00' WHERE chain = 'chn_0' AND sequence = 7")
    assert placed(verify_audit(path, KEYS).findings) == [
        (Kind.DROPPED, "chn_0", 5, 6),
        (Kind.EDITED, "chn_0", 7, 7),
    ]


def test_numbers_moved_up_are_named(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE audit SET sequence = -sequence WHERE chain = 'chn_0' AND sequence > 9")
    db.execute("UPDATE audit SET sequence = 3 - sequence WHERE sequence < 0")
    db.execute("UPDATE chains SET sequence = sequence + 3 WHERE chain = 'chn_0'")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.REORDERED, "chn_0", 10, 10)]


def test_a_table_without_its_key_may_hold_a_number_twice(path: Path, db: apsw.Connection) -> None:
    db.execute("CREATE TABLE copy AS SELECT * FROM audit")
    db.execute("INSERT INTO copy SELECT * FROM audit WHERE chain = 'chn_0' AND sequence = 8")
    db.execute("DROP TABLE audit")
    db.execute("ALTER TABLE copy RENAME TO audit")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.DUPLICATED, "chn_0", 8, 8)]


def test_columns_of_other_types_are_named(path: Path, db: apsw.Connection) -> None:
    db.execute("CREATE TABLE copy AS SELECT * FROM audit")
    db.execute("DROP TABLE audit")
    db.execute("ALTER TABLE copy RENAME TO audit")
    db.execute("UPDATE audit SET record = 'text', hash = 5 WHERE chain = 'chn_0' AND sequence = 8")
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.EDITED, "chn_0", 8, 8)]


def test_text_that_is_none_is_no_database(path: Path, db: apsw.Connection) -> None:
    db.execute(
        "UPDATE audit SET chain = CAST(x'ff' AS TEXT) WHERE chain = 'chn_0' AND sequence = 4"
    )
    with pytest.raises(NotReadable):
        verify_audit(path, KEYS)


def _sign_next(db: apsw.Connection, store: FakeAuditStore, **change: object) -> None:
    """Add a checkpoint with our key that says something else of chn_1: a fault of our own."""
    last = parse_body(store.signed[-1].body)
    (mark,) = [each for each in last.chains if each.chain == "chn_1"]
    chains = (mark._replace(**change),)  # type: ignore[arg-type]
    previous = parse_body(store.signed[-1].body)
    number = len(store.signed)
    assert previous.number == number
    body = CheckpointBody(number, last.time, chains, last.previous)
    signed = KEY.sign(body)
    db.execute(
        "UPDATE checkpoints SET body = ?, signature = ? WHERE number = ?",
        (signed.body, signed.signature, number),
    )


def test_a_signed_head_that_is_not_the_chains_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    _sign_next(db, store, head=bytes(32))
    assert placed(verify_audit(path, KEYS).findings) == [(Kind.EDITED, "chn_1", 24, 24)]


def test_a_signed_step_back_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    before = parse_body(store.signed[-3].body).chains[-1]
    _sign_next(db, store, size=before.size, root=before.root, nodes=before.nodes, head=before.head)
    kinds = placed(verify_audit(path, KEYS).findings)
    assert kinds == [(Kind.REWRITTEN, "chn_1", before.size + 1, 21)]


def test_a_signed_root_that_its_nodes_deny_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    _sign_next(db, store, root=bytes(32))
    number = len(store.signed)
    kinds = placed(verify_audit(path, KEYS).findings)
    assert kinds == [(Kind.CHECKPOINT_FORGED, "", number, number)]


class _Newer(CheckpointBody):
    __slots__ = ()

    def encode(self) -> bytes:
        return b'{"v":2}'


def test_a_signed_body_of_a_newer_release_is_named(
    path: Path, db: apsw.Connection, store: FakeAuditStore
) -> None:
    signed = KEY.sign(_Newer(1, 2, ()))
    number = len(store.signed)
    db.execute(
        "UPDATE checkpoints SET body = ?, signature = ? WHERE number = ?",
        (signed.body, signed.signature, number),
    )
    kinds = placed(verify_audit(path, KEYS).findings)
    assert kinds == [(Kind.CHECKPOINT_FORGED, "", number, number)]


async def _claim(store: FakeAuditStore, chain: str, head: ChainHead, *, ends: bool) -> None:
    """Begin a chain whose first record says that it ended `head`."""
    note = pack([[head.chain, head.sequence, head.hash.hex()]])
    state = store.head(chain)
    row, new = link(state, 1, AuditFacts("", "cardvault", "", "vault.start", "ok", note=note))
    ended = [store.head("chn_1")] if ends else []
    control = (await store.read(chain, Want())).control
    await store.write(
        Delta(base_head=state, control=control, head=new, audit=[row], ended_chains=ended)
    )


async def test_a_chain_that_two_ended_is_a_fork(store: FakeAuditStore, tmp_path: Path) -> None:
    await _claim(store, "chn_2", store.head("chn_0"), ends=True)
    save(store, tmp_path / "fork.db")
    kinds = placed(verify_audit(tmp_path / "fork.db", KEYS).findings)
    assert (Kind.FORK, "chn_0", 24, 24) in kinds


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (24, (Kind.EDITED, "chn_1", 24, 24)),
        (30, (Kind.TRUNCATED, "chn_1", 25, 30)),
        (20, (Kind.FORK, "chn_1", 21, 24)),
    ],
    ids=["another hash", "more records", "fewer records"],
)
async def test_what_a_successor_saw_counts(
    store: FakeAuditStore, tmp_path: Path, sequence: int, expected: tuple[Kind, str, int, int]
) -> None:
    await _claim(store, "chn_2", ChainHead("chn_1", sequence, bytes(32)), ends=True)
    save(store, tmp_path / "claim.db")
    assert placed(verify_audit(tmp_path / "claim.db", KEYS).findings) == [expected]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import asyncio  # noqa: PLC0415 - a module's fixture has no loop of its own

    store = FakeAuditStore()
    asyncio.run(write_history(store, processes=2, rounds=2, batch=4, tail=2))
    path = tmp_path_factory.mktemp("small") / "vault.db"
    save(store, path)
    return path


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_any_cell_is_found(small: Path, data: st.DataObject) -> None:
    table, columns = data.draw(
        st.sampled_from(
            [
                ("audit", ("chain", "sequence", "time", "record", "hash")),
                ("chains", ("chain", "sequence", "hash", "ended")),
                ("checkpoints", ("number", "time", "body", "key_id", "signature")),
            ]
        )
    )
    column = data.draw(st.sampled_from(columns))
    db = apsw.Connection(":memory:")
    with db.backup("main", apsw.Connection(str(small)), "main") as backup:
        backup.step()
    name = "chain" if table == "chains" else "rowid"
    rows = list(db.execute(f"SELECT {name}, {column} FROM {table}"))  # noqa: S608
    key, value = data.draw(st.sampled_from(rows))
    other: object
    if isinstance(value, bytes):
        bit = data.draw(st.integers(0, len(value) * 8 - 1))
        edited = bytearray(value)
        edited[bit // 8] ^= 1 << bit % 8
        other = bytes(edited)
    elif isinstance(value, int):
        other = value + data.draw(st.sampled_from([-1, 1, 100])) if column != "ended" else 1 - value
    else:
        other = str(value) + "x"
    try:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {name} = ?", (other, key))  # noqa: S608
    except apsw.ConstraintError:
        return  # another row has this key
    report = _Verification(AuditFile(db), KEYS).run(None)
    assert not report.ok, (table, column, json.dumps(str(key)))
    db.close()
