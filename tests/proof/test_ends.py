"""A part that does not come to its end is a finding, takes no other along, and tells no data."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Final, cast

import pytest

from tests.e2e.kills import proof as kills
from tests.e2e.kills.trial import GROUNDS
from tests.neighbours import proof as neighbours
from tests.neighbours.watch import Trial as NeighbourTrial
from tests.parts.failover import proof as failovers
from tests.parts.failover import trials as failover
from tests.parts.failover.faults import Fault
from tests.parts.failover.trial import Trial
from tests.parts.servers.postgres import PostgresServer
from tests.proof import __main__ as runner
from tests.proof.ended import Ended, ended_by, result_or_end
from tests.proof.parts import Part, Say
from tests.proof.report import Report, Row, read_report
from tools.running.process import ProcessFailed

SECRET: Final = "what the log said last"
OURS: Final = "tests/proof/test_ends.py:"


def fails() -> None:
    raise ProcessFailed(SECRET)


async def fails_beside() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(fails))


def caught(error: Exception) -> Ended:
    try:
        raise error
    except Exception as raised:  # noqa: BLE001 - so that it has a traceback
        return ended_by(raised)


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Be a part of the proof: the test's first seed ends it."""
    del scratch, say
    if volume == 10:
        fails()
    return [Row("a fault", "done", {"times": volume, "seed": seed}, "all holds")]


def test_what_ended_something_is_told_by_type_and_place_and_never_by_text() -> None:
    with pytest.raises(ProcessFailed) as raised:
        fails()
    ended = ended_by(raised.value)
    assert ended.said.startswith(f"ended by ProcessFailed at {OURS}")
    assert ended.said.endswith(", in fails")
    assert SECRET not in ended.said
    assert SECRET in ended.trace


def test_what_ended_one_of_several_tasks_is_named() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(fails_beside())
    said = ended_by(raised.value).said
    assert said.startswith(f"ended by ProcessFailed at {OURS}")
    assert said.endswith(", in fails")


def test_what_ended_another_process_is_named_there() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        ended = result_or_end(pool.submit(fails))
        assert isinstance(ended, Ended)
        assert ended.said.startswith(f"ended by ProcessFailed at {OURS}")
        died = result_or_end(pool.submit(os._exit, 3))
        assert isinstance(died, Ended)
        assert died.said.startswith("ended by BrokenProcessPool")


def test_a_part_that_raises_is_a_finding_and_the_parts_behind_it_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (
        Part("first", __name__, 10, "kills", "The first"),
        Part("missing", "tests.proof.no_such_part", 1, "kills", "One that can't be imported"),
        Part("last", __name__, 11, "kills", "The last"),
    )
    monkeypatch.setattr(runner, "PARTS", parts)
    monkeypatch.setattr(runner, "BY_NAME", {part.name: part for part in parts})
    monkeypatch.setattr("sys.argv", ["proof"])
    monkeypatch.chdir(tmp_path)
    Report("first", 1, 10, 0.0, "then", "none", "here", ()).write()  # of a run that was good
    with pytest.raises(SystemExit) as ended:
        runner.main()
    assert ended.value.code == 1
    kept = {part.name: read_report(Path("docs/proof") / f"{part.name}.json") for part in parts}
    (found,) = kept["first"].violations
    assert found.startswith(f"ended by ProcessFailed at {OURS}")
    assert "ModuleNotFoundError" in kept["missing"].violations[0]
    assert kept["last"].violations == ()
    assert kept["last"].rows[0].counts["times"] == 11
    said = capsys.readouterr()
    assert SECRET not in said.out
    assert SECRET in said.err


def test_a_vault_that_does_not_come_back_is_a_finding_of_its_trial(tmp_path: Path) -> None:
    told: list[str] = []
    unused = cast("PostgresServer", None)
    trial = kills._one(GROUNDS[0], "1/0", tmp_path / "missing", unused, told.append)
    (found,) = trial.broken
    assert found.startswith("ended by FileNotFoundError at tests/e2e/kills/proof.py:")
    assert "0 kills" in str(trial)
    assert "Traceback" in told[0]


def test_a_cluster_that_does_not_come_back_leaves_the_other_trials(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = failover._one(tmp_path / "file" / "0", [Fault.CUT], "1/0")
    assert isinstance(ended, Ended)
    whole = Trial("1/1")
    whole.first_reveals[Fault.MACHINE] = [1.0, 2.0]
    row = failovers.row_of(failover.Trials(1, (whole,), (ended,)), 3)
    assert row.counts["faults"] == 2
    (found,) = row.violations
    assert found.startswith("a trial was ended by NotADirectoryError at tests/parts/failover/")
    nothing = failover.Trials(1, (), (ended,))
    assert failovers.row_of(nothing, 3).violations == (found,)
    assert "1 promises broken" in str(nothing)


def test_a_neighbour_whose_trial_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = neighbours.Neighbour("good", __name__, "all")
    monkeypatch.setattr(
        neighbours, "NEIGHBOURS", (neighbours.Neighbour("bad", "no.such", "all"), good)
    )
    told: list[str] = []
    bad, well = neighbours.prove(1, 2, tmp_path, told.append)
    (found,) = bad.violations
    assert "ended by ModuleNotFoundError at tests/neighbours/proof.py" in found
    assert well.violations == ()
    assert well.counts["faults"] == 2
    assert any("Traceback" in each for each in told)


def run_trial(seed: str, volume: int, directory: Path, tell: Say) -> NeighbourTrial:
    """Be a neighbour's trial, all well."""
    del directory, tell
    trial = NeighbourTrial(seed)
    trial.recoveries["a fault"] = [1.0] * volume
    return trial


def test_a_future_with_a_result_is_its_result() -> None:
    future = Future[int]()
    future.set_result(4)
    assert result_or_end(future) == 4
    assert caught(ValueError(SECRET)).said.startswith("ended by ValueError at ")
