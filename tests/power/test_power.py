"""The part `power` of the proof, at a volume for every day."""

from __future__ import annotations

from pathlib import Path

from tests.power.cuts import planned
from tests.power.proof import prove
from tests.power.recording import record

SEED = 20_261


def test_power_cuts_and_failing_disks_take_nothing_that_was_promised(tmp_path: Path) -> None:
    cuts, full, small, failed = prove(SEED, 500, tmp_path, lambda _said: None)
    for row in (cuts, full, small, failed):
        assert row.violations == ()
    assert cuts.counts["images"] >= 500
    assert cuts.counts["syncs, cut on both sides"] > 25
    assert full.counts["full disks"] > 150
    assert failed.counts["I/O errors"] > 300
    assert "checkpoint" in full.found
    assert "checkpoint" in failed.found


def test_one_seed_makes_one_log_with_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    one, other = (record(f"{SEED}", 60, tmp_path / place) for place in ("", "again"))
    # SQLite salts its logs, and a schema notes when it was applied: the bytes differ, no more.
    assert [each[:3] for each in one.log] == [each[:3] for each in other.log]
    assert planned(one, 100) == planned(other, 100)
    assert one.kinds.keys() >= {"AddCard", "EditCard", "Reveal", "ApplyUpdate", "RevertUpdates"}
    tables = {place.table for each in one.reference.transactions for place in each}
    assert tables >= {"cards", "requests", "audit", "chains", "outbox", "checkpoints"}
    assert ("sync", "db") in {each[:2] for each in one.log}  # checkpoints of the log, too
