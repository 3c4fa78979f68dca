"""Seeds, whose volume is the proof's: none breaks a promise, each is itself whenever it is run."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.seeds.mutants import MUTANTS, Mutant
from tests.seeds.planting import NotPlanted, planted
from tests.seeds.promises import Promise
from tests.seeds.proof import Total, catch, mutants_row, run_share, seeds_row
from tests.seeds.run import run_seed
from tests.seeds.weather import FAULTS

SEED = 20_261
SEEDS = 500
CALLS = 10
"""A seed in `make test` has fewer calls than one of the proof, to stay within its 12 seconds."""
MUTANT_CALLS = 80
MOST = 60


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    config = structlog.get_config()
    yield
    structlog.configure(**config)


def test_no_seed_breaks_a_promise() -> None:
    total = run_share(SEED, SEEDS, CALLS)
    assert total.violations == []
    assert total.seeds == SEEDS
    # Not vacuous: every kind of fault came, and what is to be survived was met.
    assert set(total.faults) == set(FAULTS)
    met = total.counts
    assert met["acknowledged"] > SEEDS * CALLS * 0.9
    for name in ("kills", "pauses", "orderly stops", "commits in doubt", "events again"):
        assert met[name] > 0, name
    for name in ("reveals", "settled afterwards", "chains ended"):
        assert met[name] > 0, name
    row = seeds_row(SEED, total)
    assert row.counts["seeds"] == SEEDS
    assert not row.violations


def trace_of(seed: int, hash_seed: str) -> str:
    """Return the hash of a seed's trace, as another process prints it."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.seeds", str(seed), "--calls", "40"],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()[-1].removeprefix("trace ")


def test_a_seed_has_one_trace_whatever_process_runs_it() -> None:
    here = run_seed(SEED + 7, 40, keep=True)
    assert len(here.lines) > 60
    assert {trace_of(SEED + 7, "1"), trace_of(SEED + 7, "2")} == {here.digest}
    again = run_seed(SEED + 7, 40, keep=True)
    assert again.lines == here.lines
    assert run_seed(SEED + 8, 40).digest != here.digest


def test_each_planted_bug_is_caught_by_name() -> None:
    caught = [catch(each, SEED, MOST, MUTANT_CALLS) for each in MUTANTS]
    assert mutants_row(caught).violations == ()
    assert len(caught) >= 20
    assert len({each.name for each in MUTANTS}) == len(MUTANTS)
    named = Counter(each.promises[0] for each in MUTANTS)
    assert set(Promise) - set(named) == set()


def test_a_bug_whose_text_is_gone_is_told() -> None:
    lost = Mutant("lost", "vault.usecases.keyring", "not there", "", (Promise.KEYS,))
    with pytest.raises(NotPlanted, match="0 times"), planted(lost):
        pass
    nothing = Mutant(
        "nothing", "vault.usecases.keyring", "tick_s: float = 1.0", "tick_s: float = 2.0", ()
    )
    with pytest.raises(NotPlanted, match="no function"), planted(nothing):
        pass


def test_the_code_is_itself_again_behind_a_bug() -> None:
    assert catch(MUTANTS[0], SEED, MOST, MUTANT_CALLS).right
    total = Total()
    total.add(run_seed(SEED, MUTANT_CALLS))
    assert total.violations == []
