"""The verifier on PostgreSQL: as an auditor, in one snapshot, a page of rows at a time."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from tests.doubles import audit_tampering as tampering
from tests.doubles.audit_database import KEYS, save
from tests.doubles.audit_kinds import KINDS, K, check_named, placed
from tests.doubles.audit_postgres import statements
from tests.doubles.audit_tampering import Tamper
from tests.doubles.vault_ports_audit import FakeAuditStore
from tests.parts.audit.conftest import as_auditor
from vault.adapters.audit_verify.opening import open_trail
from vault.adapters.audit_verify.proofs import prove
from vault.adapters.audit_verify.server import PAGE
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import _Verification, verify_audit


def test_an_untouched_audit_has_no_findings(
    dsn: str, store: FakeAuditStore, tmp_path: Path
) -> None:
    report = verify_audit(as_auditor(dsn), KEYS)
    save(store, tmp_path / "vault.db")
    assert report == verify_audit(tmp_path / "vault.db", KEYS)
    assert (report.ok, report.records, report.checkpoints) == (True, 3 * 108, 16)


@pytest.mark.parametrize(("tamper", "kinds"), KINDS, ids=[each.__name__ for each, _kinds in KINDS])
def test_the_record_is_named(
    copied: Callable[[], str], places: int, tamper: Tamper, kinds: set[K]
) -> None:
    generator = random.Random(f"postgres {tamper.__name__}")
    for _place in range(places):
        chain, sequence = f"chn_{generator.randrange(3)}", generator.randrange(2, 100)
        dsn = copied()
        with statements(dsn) as db:
            tamper(cast("apsw.Connection", db), chain, sequence)
        check_named(verify_audit(as_auditor(dsn), KEYS).findings, kinds, chain, sequence)


def test_a_number_may_be_there_twice_where_days_differ(dsn: str) -> None:
    with statements(dsn) as db:
        db.execute(
            "INSERT INTO audit SELECT chain, sequence, time + 5000, record, hash FROM audit"
            " WHERE chain = 'chn_1' AND sequence = 8"
        )
    kinds = placed(verify_audit(as_auditor(dsn), KEYS).findings)
    assert kinds == [(K.DUPLICATED, "chn_1", 8, 8)]


def test_open_chains_of_several_processes_are_no_forks_and_a_reopened_one_is(dsn: str) -> None:
    with statements(dsn) as db:
        db.execute("UPDATE chains SET ended = false WHERE chain = 'chn_0'")
    kinds = placed(verify_audit(as_auditor(dsn), KEYS).findings)
    assert kinds == [(K.FORK, "chn_0", 108, 108)]


def test_what_is_written_meanwhile_is_not_seen(dsn: str) -> None:
    with open_trail(as_auditor(dsn)) as trail:
        before = list(trail.chains())
        with statements(dsn) as db:
            tampering.truncate(cast("apsw.Connection", db), "chn_2", 50)
            tampering.edit_record(cast("apsw.Connection", db), "chn_1", 9)
        assert list(trail.chains()) == before
        assert _Verification(trail, KEYS).run(None).ok
    assert len(verify_audit(as_auditor(dsn), KEYS).findings) == 2


def test_a_proof_and_a_rollback(dsn: str, store: FakeAuditStore) -> None:
    assert prove(as_auditor(dsn), "chn_1", 77, KEYS).holds(KEYS)
    with statements(dsn) as db:
        db.execute("DELETE FROM checkpoints WHERE number > 14")
    kept = store.signed[-1]
    assert K.ROLLED_BACK in {
        each.kind for each in verify_audit(as_auditor(dsn), KEYS, kept).findings
    }


@pytest.mark.parametrize("role", ["report", "stranger"])
def test_whoever_may_not_read_it_all_is_told_so(dsn: str, role: str) -> None:
    with statements(dsn) as db:
        db.execute(f"CREATE ROLE {role} LOGIN")
        if role == "report":
            db.execute("GRANT cardvault_reporting TO report")
        try:
            with pytest.raises(NotReadable, match="cardvault_auditing"):
                verify_audit(dsn.replace("postgres@", f"{role}@"), KEYS)
        finally:
            db.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("table", ["audit", "chains", "checkpoints"])
def test_rows_hidden_from_the_role_are_no_tampering(dsn: str, table: str) -> None:
    with statements(dsn) as db:
        db.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        db.execute(
            f"CREATE POLICY nobody ON {table} FOR SELECT TO cardvault_auditing USING (false)"
        )
        with pytest.raises(NotReadable, match="cardvault_auditing"):
            verify_audit(as_auditor(dsn), KEYS)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sealed FROM cards",
        "SELECT * FROM data_keys",
        "SELECT * FROM requests",
        "DELETE FROM audit",
        "INSERT INTO checkpoints VALUES (99, 1, '', '', '')",
    ],
)
def test_an_auditor_may_do_nothing_else(dsn: str, statement: str) -> None:
    with (
        statements(as_auditor(dsn)) as db,
        pytest.raises(Exception, match="permission denied for table"),
    ):
        db.execute(statement)


def test_where_there_is_no_audit(dsn: str) -> None:
    with pytest.raises(NotReadable, match="no vault"):
        verify_audit(dsn.rpartition("/")[0] + "/postgres", KEYS)
    port = dsn.rpartition(":")[2].partition("/")[0]
    with pytest.raises(NotReadable, match="no connection"):
        verify_audit(dsn.replace(f":{port}", ":1"), KEYS)


def test_a_chain_of_any_length_takes_a_page_of_memory(dsn: str) -> None:
    rows = 60 * PAGE
    with statements(dsn) as db:
        db.execute(
            "INSERT INTO audit SELECT 'chn_long', n, n, convert_to(repeat('x', 300), 'UTF8'),"
            " sha256('') FROM generate_series(1, ?::bigint) AS n",
            (rows,),
        )
        db.execute("ANALYZE audit")
    with open_trail(as_auditor(dsn)) as trail:
        tracemalloc.start()
        try:
            seen = sum(1 for _row in trail.records("chn_long"))
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert seen == rows
    assert peak < 10 * PAGE * 500, peak  # all rows: 27 MB and more


def test_the_plan_sorts_nothing(dsn: str) -> None:
    with statements(dsn) as db:
        db.execute("ANALYZE audit")
    from vault.adapters.audit_verify import server  # noqa: PLC0415

    with open_trail(as_auditor(dsn)) as trail:
        plan = _plan(trail, "EXPLAIN " + server._STATEMENTS.records.replace("$1", "'chn_1'"))
    assert "Sort" not in plan.replace("Sort Key", "")
    assert "Seq Scan" not in plan


def _plan(trail: Any, sql: str) -> str:
    return "\n".join(row[0] for row in trail._run(_explained(trail._db, sql)))


async def _explained(db: Any, sql: str) -> list[Any]:
    rows: list[Any] = await db.fetch(sql)
    return rows
