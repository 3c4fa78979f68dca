"""Each kind of tampering, at many places, is named with its record."""

import random
import shutil
from pathlib import Path

import apsw
import pytest

from tests.doubles import audit_tampering as tampering
from tests.doubles.audit_database import KEYS, save, write_history
from tests.doubles.audit_tampering import Tamper
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.adapters.audit_verify.findings import Finding, Kind
from vault.adapters.audit_verify.verify import verify_audit

K = Kind
KINDS: list[tuple[Tamper, set[Kind]]] = [
    (tampering.edit_record, {K.EDITED}),
    (tampering.edit_one_byte, {K.EDITED}),
    (tampering.edit_with_hash, {K.EDITED}),
    (tampering.edit_hash, {K.EDITED}),
    (tampering.edit_time_column, {K.EDITED}),
    (tampering.edit_and_rehash_all, {K.REWRITTEN}),
    (tampering.replace_by_other_chain, {K.EDITED}),
    (tampering.drop, {K.DROPPED}),
    (tampering.drop_and_renumber, {K.DROPPED}),
    (tampering.drop_renumber_and_rehash, {K.DROPPED}),
    (tampering.swap_records, {K.REORDERED}),
    (tampering.swap_neighbours, {K.REORDERED}),
    (tampering.copy_over_another, {K.DUPLICATED}),
    (tampering.insert_copy, {K.DUPLICATED}),
    (tampering.insert_copy_and_rehash, {K.DUPLICATED}),
    (tampering.truncate, {K.TRUNCATED}),
    (tampering.truncate_rows_only, {K.TRUNCATED}),
]
PLACES = 30
ROUND = 20


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three processes' audit, of 108 records each; built once, since all tests copy it."""
    import asyncio  # noqa: PLC0415 - a module's fixture has no loop of its own

    path = tmp_path_factory.mktemp("audit") / "vault.db"
    store = FakeAuditStore()
    asyncio.run(write_history(store))
    save(store, path)
    return path


def _names(finding: Finding, kinds: set[Kind], chain: str, sequence: int) -> bool:
    in_place = finding.first - 1 <= sequence <= finding.last
    if finding.kind is K.EDITED and finding.first == sequence + 1:
        # The link alone can't tell an edited record from its edited predecessor: both are named.
        return f"or record {sequence} " in finding.why and finding.chain == chain
    exact = finding.first <= sequence <= finding.last
    return in_place and exact and finding.kind in kinds and finding.chain == chain


@pytest.mark.parametrize(("tamper", "kinds"), KINDS, ids=[each.__name__ for each, _kinds in KINDS])
def test_the_record_is_named(
    history: Path, tmp_path: Path, tamper: Tamper, kinds: set[Kind]
) -> None:
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
        findings = verify_audit(path, KEYS).findings
        told = [str(each) for each in findings]
        assert any(_names(each, kinds, chain, sequence) for each in findings), (
            chain,
            sequence,
            told,
        )
        assert len(findings) <= 4, told
        if kinds == {K.REWRITTEN}:  # no wider than what two checkpoints enclose
            assert findings[0].last - findings[0].first < ROUND, told


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
        assert any(_names(each, kinds, chain, sequence) for each in findings), told


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
        assert any(_names(each, kinds, chain, sequence) for each in findings)


def test_an_untouched_audit_has_no_findings(history: Path) -> None:
    report = verify_audit(history, KEYS)
    assert report.findings == []
    assert report.ok
    assert (report.chains, report.records, report.behind) == (3, 3 * 108, 0)
    assert report.checkpoints == report.last_checkpoint == 16
