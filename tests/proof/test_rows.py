"""The page says what was done; less than what had to be done is a broken promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from tests.e2e.kills.checker import Breach, Violation
from tests.e2e.kills.history import Read
from tests.e2e.kills.proof import CALLS_A_KILL, rows_of
from tests.e2e.kills.trial import GROUNDS, Trial
from tests.neighbours.proof import NEIGHBOURS
from tests.neighbours.proof import row_of as neighbours_row
from tests.neighbours.watch import Trial as NeighbourTrial
from tests.parts.failover.faults import Fault
from tests.parts.failover.proof import row_of as failovers_row
from tests.parts.failover.trial import Trial as FailoverTrial
from tests.parts.failover.trials import Trials
from tests.power.cuts import Tally
from tests.power.proof import cuts_row, small_row
from tests.power.small_disk import Filled
from tests.proof.report import MOST_VIOLATIONS, Report, Row, with_shortfall
from tools.reliability_page import broken, done

KILLS: Final = 4
READ: Final = Read("a token", 1, 1)


def trials(kills: int = KILLS, calls: int = CALLS_A_KILL) -> list[Trial]:
    """Return a trial on each ground, a quarter of the kills each."""
    found = []
    for ground in GROUNDS:
        trial = Trial(ground, "1")
        trial.lives.kills["after_commit"] = kills // len(GROUNDS)
        trial.lives.restarts = [1.0] * kills
        trial.history.reads = [READ] * (kills * calls // len(GROUNDS))
        found.append(trial)
    return found


def said(rows: list[Row]) -> str:
    return "; ".join(each for row in rows for each in row.violations)


def test_enough_kills_and_calls_are_no_violation() -> None:
    assert said(rows_of(trials(), KILLS)) == ""


@pytest.mark.parametrize(
    ("came", "asked", "told"),
    [
        (trials(), 2 * KILLS, "only 4 kills on all grounds where there had to be 8"),
        (
            trials(calls=CALLS_A_KILL - 1),
            KILLS,
            "only 1,996 acknowledged calls on all grounds where there had to be 2,000",
        ),
    ],
    ids=["kills", "calls"],
)
def test_too_few_kills_or_calls_are_one(came: list[Trial], asked: int, told: str) -> None:
    assert told in said(rows_of(came, asked))


def test_what_was_found_is_reason_enough_to_have_done_less() -> None:
    came = trials()[:1]
    came[0].found.append(Violation(Breach.LOST_WRITE, "a card"))
    (row,) = rows_of(came, KILLS)
    assert row.violations == ("seed 1: an acknowledged write is lost: a card",)


def test_a_trial_that_did_not_end_leaves_what_the_others_did() -> None:
    came = [*trials(), Trial(GROUNDS[1], "2", ended="ended by ProcessFailed")]
    rows = rows_of(came, 2 * KILLS)
    assert said(rows) == "seed 2: ended by ProcessFailed"
    assert sum(row.counts["kills"] for row in rows) == KILLS
    (alone,) = rows_of(came[-1:], KILLS)
    assert alone.violations == ("seed 2: ended by ProcessFailed",)


def test_a_start_that_died_before_it_was_seen_counts_until_its_death() -> None:
    came = trials()
    came[0].lives.unseen = [3.5]
    row, *_others = rows_of(came, KILLS)
    assert "1 of 5 were dead before" in row.found
    assert row.violations == ("restart to serving took 3.50 s at p99",)
    came[0].lives.unseen = [2.5]
    assert rows_of(came, KILLS)[0].violations == ()


def test_too_few_images_are_a_violation() -> None:
    assert cuts_row(Tally(images=500), 40, 500).violations == ()
    (found,) = cuts_row(Tally(images=499), 40, 500).violations
    assert found == "only 499 images where there had to be 500"
    assert cuts_row(Tally(images=9, violations=["lost"]), 40, 500).violations == ("lost",)


def test_the_proof_does_not_go_without_a_full_disk() -> None:
    without = Filled(unable="no tmpfs could be mounted")
    assert small_row(without, 2, 500).violations == ()
    (found,) = small_row(without, 50, 10_000).violations
    assert found == "not done: no tmpfs could be mounted"
    (few,) = small_row(Filled(rounds=1), 2, 500).violations
    assert few == "only 1 times full where there had to be 2"
    assert small_row(Filled(rounds=2), 2, 500).violations == ()


def test_too_few_faults_are_a_violation() -> None:
    trial = FailoverTrial("1/0")
    trial.first_reveals[Fault.MACHINE] = [1.0, 2.0]
    assert failovers_row(Trials(1, (trial,)), 2).violations == ()
    (found,) = failovers_row(Trials(1, (trial,)), 3).violations
    assert found == "only 2 faults where there had to be 3"
    neighbour = NeighbourTrial("1/0")
    neighbour.recoveries["a fault"] = [1.0]
    assert neighbours_row(NEIGHBOURS[0], neighbour, 1).violations == ()
    (found,) = neighbours_row(NEIGHBOURS[0], neighbour, 2).violations
    assert found == "only 1 faults where there had to be 2"


def test_the_page_adds_up_what_was_done_and_not_what_was_asked_for() -> None:
    row = Row("a fault", "done", {"kills": 300, "acknowledged calls": 9}, "all holds")
    other = replace(row, counts={"planted faults": 10})
    report = Report("kills", 1, 1_000, 1.0, "then", "none", "here", (row, row, other))
    assert done(report) == "600 kills, 10 planted faults"
    assert broken(report) == "0"
    assert done(replace(report, rows=(replace(row, counts={}),))) == "did not end"


def test_the_page_says_that_violations_were_cut() -> None:
    row = Row("a fault", "done", {}, "all holds", violations=with_shortfall(["one"]))
    full = replace(row, violations=with_shortfall(["one"] * (MOST_VIOLATIONS + 5)))
    assert len(full.violations) == MOST_VIOLATIONS
    report = Report("kills", 1, 1_000, 1.0, "then", "none", "here", (row,))
    assert broken(report) == "1"
    assert broken(replace(report, rows=(row, full))) == "21+"
