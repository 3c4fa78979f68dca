"""The placing of the kills: which write to which file a limit means."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import apsw

from tests.e2e.deadly import ALL_PHASES, MID_CHECKPOINT, MID_WRITE, Deadly
from tests.e2e.kills.lives import KILLS_EACH, planned
from tests.e2e.processes import Process
from tools.running.site import ROOT

WAL, DB = apsw.SQLITE_OPEN_WAL, apsw.SQLITE_OPEN_MAIN_DB

# Commits rows of some pages one by one, and checkpoints every 20 rows.
SCRIPT = """
import apsw, sys
from tests.e2e.deadly import Deadly, DeadlyFiles
path, phase, times = sys.argv[1:]
deadly = Deadly({phase: int(times)})
setup = apsw.Connection(path)
setup.pragma("journal_mode", "wal")
setup.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, b BLOB)")
setup.close()
files = DeadlyFiles(deadly)
db = apsw.Connection(path)
db.pragma("wal_autocheckpoint", 0)
for n in range(1, 200):
    deadly.reached("before_write")
    db.execute("INSERT INTO t VALUES (?, zeroblob(9000))", (n,))
    deadly.reached("after_commit")
    print(n, flush=True)
    if n % 20 == 0:
        print("checkpoint", flush=True)
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        print("checkpointed", flush=True)
"""


class Deaths:
    """Counts instead of dying."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> None:
        self._count += 1

    def are(self, count: int) -> bool:
        return self._count == count


def test_a_phase_is_counted() -> None:
    deaths = Deaths()
    deadly = Deadly({"after_commit": 2}, deaths)
    for phase in ("after_read", "before_write", "after_commit", "after_read", "before_write"):
        deadly.reached(phase)
        deadly.writes(WAL)
        deadly.writes(DB)
    assert deaths.are(0)
    deadly.reached("after_commit")
    assert deaths.are(1)


def test_only_the_chosen_flush_is_torn() -> None:
    deaths = Deaths()
    deadly = Deadly({MID_WRITE: 2}, deaths)
    deadly.reached("before_write")
    for _ in range(100):
        deadly.writes(WAL)
    deadly.reached("before_write")
    deadly.writes(DB)
    deadly.writes(WAL)
    deadly.writes(WAL)
    assert deaths.are(0)
    deadly.writes(WAL)
    assert deaths.are(1)


def test_only_writes_to_the_database_count_for_a_checkpoint() -> None:
    deaths = Deaths()
    deadly = Deadly({MID_CHECKPOINT: 2}, deaths)
    for flags in (WAL, DB, WAL):
        deadly.writes(flags)
    assert deaths.are(0)
    deadly.writes(DB)
    assert deaths.are(1)


async def _killed(tmp_path: Path, phase: str, times: int) -> list[str]:
    """Run the script to its death; return what it had printed."""
    env = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = (sys.executable, "-c", SCRIPT, str(tmp_path / "t.db"), phase, str(times))
    log = tmp_path / "log"
    process = Process("script", command, env=env, cwd=ROOT, log=log)
    process.start()
    assert await process.ended() == -9
    return log.read_text().split()


def _rows(tmp_path: Path) -> int:
    with closing(sqlite3.connect(tmp_path / "t.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


async def test_a_torn_commit_is_none(tmp_path: Path) -> None:
    said = await _killed(tmp_path, MID_WRITE, 7)
    # The log ends inside a frame: the kill was in the middle of the seventh commit.
    frames = (tmp_path / "t.db-wal").stat().st_size - 32
    assert frames % (24 + 4096) != 0
    assert said[-1] == "6"
    assert _rows(tmp_path) == 6


async def test_a_torn_checkpoint_loses_nothing(tmp_path: Path) -> None:
    said = await _killed(tmp_path, MID_CHECKPOINT, 5)
    assert said[-1] == "checkpoint"
    assert _rows(tmp_path) == 20


def test_the_plan_has_enough_of_every_phase() -> None:
    plan = planned(1)
    assert plan == planned(1) != planned(2)
    assert KILLS_EACH >= 8
    assert len(plan) >= 50
    assert {phase: [p for p, _ in plan].count(phase) for phase in ALL_PHASES} == dict.fromkeys(
        ALL_PHASES, KILLS_EACH
    )
