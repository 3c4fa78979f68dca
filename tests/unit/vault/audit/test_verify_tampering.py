"""Each kind of tampering, at many places, is named with its record."""

import random
import shutil
from pathlib import Path

import apsw
import pytest

from tests.doubles import audit_tampering as tampering
from tests.doubles.audit_database import KEYS, save, write_history
from tests.doubles.audit_kinds import KINDS, K, check_named, names
from tests.doubles.audit_tampering import Tamper
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.adapters.audit_verify.verify import verify_audit

PLACES = 30


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three processes' audit, of 108 records each; built once, since all tests copy it."""
    import asyncio  # noqa: PLC0415 - a module's fixture has no loop of its own

    path = tmp_path_factory.mktemp("audit") / "vault.db"
    store = FakeAuditStore()
    asyncio.run(write_history(store))
    save(store, path)
    return path


@pytest.mark.parametrize(("tamper", "kinds"), KINDS, ids=[each.__name__ for each, _kinds in KINDS])
def test_the_record_is_named(history: Path, tmp_path: Path, tamper: Tamper, kinds: set[K]) -> None:
    generator = random.Random(tamper.__name__)
    for place in range(PLACES):
        chain = f"chn_{generator.randrange(3)}"
        sequence = generator.randrange(2, 100)
        path = tmp_path / f"{place}.db"
        shutil.copy(history, path)
        db = apsw.Connection(str(path))
        with db:
            tamper(db, chain, sequence)
        db.close()
        check_named(verify_audit(path, KEYS).findings, kinds, chain, sequence)


@pytest.mark.parametrize(
    "tamper", [tampering.edit_record, tampering.edit_hash, tampering.drop], ids=lambda t: t.__name__
)
@pytest.mark.parametrize(
    "sequence", [1, 2, 107, 108], ids=["first", "second", "last but one", "last"]
)
def test_the_ends_of_a_chain_are_no_exception(
    history: Path, tmp_path: Path, tamper: Tamper, sequence: int
) -> None:
    for chain in ("chn_0", "chn_2"):
        path = tmp_path / f"{chain}.db"
        shutil.copy(history, path)
        db = apsw.Connection(str(path))
        tamper(db, chain, sequence)
        db.close()
        findings = verify_audit(path, KEYS).findings
        kinds = {K.EDITED, K.DROPPED, K.TRUNCATED}
        told = [str(each) for each in findings]
        assert any(names(each, kinds, chain, sequence) for each in findings), told


def test_two_places_are_both_named(history: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.db"
    shutil.copy(history, path)
    db = apsw.Connection(str(path))
    tampering.edit_and_rehash_all(db, "chn_0", 30)
    tampering.drop(db, "chn_0", 77)
    tampering.edit_record(db, "chn_2", 5)
    db.close()
    findings = verify_audit(path, KEYS).findings
    for kinds, chain, sequence in (
        ({K.REWRITTEN}, "chn_0", 30),
        ({K.DROPPED}, "chn_0", 77),
        ({K.EDITED}, "chn_2", 5),
    ):
        assert any(names(each, kinds, chain, sequence) for each in findings)


def test_an_untouched_audit_has_no_findings(history: Path) -> None:
    report = verify_audit(history, KEYS)
    assert report.findings == []
    assert report.ok
    assert (report.chains, report.records, report.behind) == (3, 3 * 108, 0)
    assert report.checkpoints == report.last_checkpoint == 16
