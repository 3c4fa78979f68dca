"""An embedded database that is damaged, open, or not what it was; and one that is good."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import apsw
import pytest

from chassis.doctor.finding import Finding
from chassis.doctor.sqlite import sqlite_findings
from vault.adapters.sqlite.connection import UnsuitableSqlite, migrate, open_writer


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found} - {"DISK_NEARLY_FULL", "DISK_VOLATILE"}


def looked(path: Path, check_s: float = 20.0) -> set[str]:
    return ids(sqlite_findings(path, open_writer, (UnsuitableSqlite,), check_s=check_s))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "vault.db"
    db = open_writer(made)
    migrate(db)
    with db:
        db.execute("CREATE TABLE filler (number, content)")
        for number in range(2_000):
            db.execute("INSERT INTO filler VALUES (?, zeroblob(500))", (number,))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    return made


def test_a_good_one_has_none_and_nothing_is_left_beside_it(path: Path) -> None:
    before = sorted(path.parent.iterdir())
    assert looked(path) == set()
    assert [each for each in sorted(path.parent.iterdir()) if each.suffix == ".db"] == [path]
    assert {each.name for each in set(path.parent.iterdir()) - set(before)} <= {
        "vault.db-wal",
        "vault.db-shm",
    }


def test_a_good_one_that_is_being_written(path: Path) -> None:
    db = open_writer(path)
    with db:
        db.execute("DELETE FROM filler WHERE number = 7")
        assert looked(path) == set()
    db.close()


def test_a_damaged_one(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\x5a" * 20_000
    path.write_bytes(bytes(content))
    assert looked(path) == {"SQLITE_DAMAGED"}
    path.write_bytes(b"this was never a database" * 100)
    assert looked(path) == {"SQLITE_DAMAGED"}


def test_one_that_others_may_read_and_one_without_a_log(path: Path) -> None:
    path.chmod(0o644)
    assert looked(path) == {"FILE_OPEN_TO_OTHERS"}
    path.chmod(0o600)
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "delete")
    db.close()
    assert looked(path) == {"SQLITE_NOT_WAL"}


def test_none_yet(tmp_path: Path) -> None:
    assert looked(tmp_path / "vault.db") == {"SQLITE_MISSING"}
    assert looked(tmp_path / "nowhere" / "vault.db") == {"SQLITE_MISSING"}


def test_an_sqlite_that_will_not_do(path: Path) -> None:
    def refusing(_path: Path) -> apsw.Connection:
        raise UnsuitableSqlite("this file cannot have a write-ahead log")

    found = sqlite_findings(path, refusing, (UnsuitableSqlite,), check_s=20.0)
    assert ids(found) == {"SQLITE_UNSUITABLE"}


def test_a_check_that_takes_too_long_says_so(path: Path) -> None:
    db = apsw.Connection(str(path))
    with db:
        db.execute("CREATE TABLE large (x)")
        db.execute(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 200000)"
            " INSERT INTO large SELECT randomblob(200) FROM n"
        )
    db.close()
    assert looked(path, check_s=0.002) == {"NOT_CHECKED"}
