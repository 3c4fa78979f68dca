"""Three nodes under Patroni: killed, cut off, left unguarded, under load; every promise is checked.

`make proof ARGS=failovers` is the same, longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.e2e.kills.checker import Breach, violations
from tests.e2e.kills.evidence import Evidence, Record
from tests.e2e.kills.history import End, Kind
from tests.parts.failover.evidence import OldRow, only_there, wrongly_acknowledged
from tests.parts.failover.faults import Fault
from tests.parts.failover.trial import Trial
from tests.parts.failover.trials import run_trials

FAULTS: Final = 32  # ten of a killed primary, a killed standby and a cut; two of an unguarded one
EACH: Final = 10


def test_failovers_break_no_promise(
    tmp_path: Path, kill_seed: int, record_property: Callable[[str, object], None]
) -> None:
    trials = run_trials(tmp_path, FAULTS, kill_seed)
    record_property("said", str(trials))
    assert not trials.found, "\n".join(trials.found[:20])
    faults = trials.faults
    assert faults[Fault.MACHINE] + faults[Fault.POSTGRES] == EACH
    assert faults[Fault.STANDBY] == EACH
    assert faults[Fault.CUT] + faults[Fault.CUT_INSIDE] == EACH
    assert faults[Fault.UNGUARDED] == FAULTS - 3 * EACH
    assert trials.acknowledged > 1_000
    # Not vacuous: an old side did commit what nobody was told.
    assert trials.lost_unacknowledged > 0
    for trial in trials.trials:
        checker_sees(trial)


def checker_sees(trial: Trial) -> None:
    """Take one thing away from what a run left, or add one: it must be named."""
    history, evidence = trial.history, trial.evidence
    reveal = next(r for r in history.reveals if r.end is End.DONE and r.request_id)
    change = next(c for c in history.changes if c.end is End.DONE and c.kind is Kind.TOKENIZE)

    def without(request_id: str) -> Evidence:
        kept = [record for record in evidence.records if record.request_id != request_id]
        return replace(evidence, records=kept)

    def breaches(spoilt: Evidence) -> set[Breach]:
        return {violation.breach for violation in violations(history, spoilt)}

    assert Breach.UNRECORDED_REVEAL in breaches(without(reveal.request_id))
    assert Breach.LOST_WRITE in breaches(without(change.request_id))
    forgotten = {k: v for k, v in evidence.requests.items() if k != change.request_id}
    assert Breach.LOST_WRITE in breaches(replace(evidence, requests=forgotten))
    rows = {**evidence.rows}
    token, row = rows.popitem()
    assert Breach.LOST_WRITE in breaches(replace(evidence, rows=rows))
    older = {**rows, token: row._replace(revision=row.revision - 1)}
    assert Breach.LOST_WRITE in breaches(replace(evidence, rows=older))
    assert Breach.DAMAGED_FILE in breaches(replace(evidence, integrity="broken"))
    shown = Record("card.reveal", "ok", reveal.token, reveal.request_id, 0)
    stored = Record(Kind.TOKENIZE, "ok", change.token, change.request_id, 1)
    old = [OldRow(shown, b"nowhere"), OldRow(stored, b"nowhere else")]

    def named(rows: list[OldRow], records: list[Record]) -> list[Breach]:
        lost = only_there(rows, trial.kept)
        return [each.breach for each in wrongly_acknowledged(history, lost, records)]

    assert named(old, []) == [Breach.UNRECORDED_REVEAL, Breach.LOST_WRITE]
    # An answer that only the old side knows is lost; one that the cluster gave as well is not.
    assert named(old, [shown]) == [Breach.LOST_WRITE]
    assert named(old, [stored]) == [Breach.UNRECORDED_REVEAL]
    assert not named([OldRow(shown, next(iter(trial.kept)))], [])
