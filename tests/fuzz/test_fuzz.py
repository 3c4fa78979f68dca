"""Every target fed a little, by dice; that none is missing; and that its good examples are good."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.doubles.rpc_wire import vault_routes
from tests.doubles.updater_requests import updater_routes
from tests.fuzz.engines import by_dice
from tests.fuzz.harness import Harness
from tests.fuzz.proof import Piece, fed, rows
from tests.fuzz.registry import CALLS, MODULES, SHARES, load
from tests.fuzz.target import Opened
from tests.fuzz.targets import rpc_updater, rpc_vault

SEED = 20_261
RUNS = {"openpgp": 2, "variables": 60, "policy": 60, "FeedService": 60, "UpdaterService": 150}
USUAL = 250


@pytest.mark.parametrize("name", sorted(SHARES))
def test_a_little_of_everybodys_bytes_breaks_nothing(name: str, tmp_path: Path) -> None:
    target = load(name)
    with target.open(tmp_path) as opened:
        harness = Harness(name, opened.run, RUNS.get(name, USUAL), tmp_path / "found")
        by_dice(target, opened, harness, SEED)
    told = harness.told
    assert told.found == {}, f"seed {SEED}"
    assert told.executions == told.wanted
    assert told.outcomes[target.accepts] > 0, "no example was a good one"
    assert told.outcomes[target.accepts] < told.executions, "nothing was refused"


def test_the_same_seed_feeds_the_same_inputs(tmp_path: Path) -> None:
    def inputs(seed: int) -> list[bytes]:
        found: list[bytes] = []

        def note(data: bytes) -> str:
            found.append(data)
            return "taken"

        target = load("headers")
        with target.open(tmp_path) as opened:
            harness = Harness("headers", note, 300, tmp_path)
            by_dice(target, Opened(note, opened.seeds), harness, seed)
        return found

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)


def test_the_proof_feeds_its_pieces_in_processes_of_their_own(tmp_path: Path) -> None:
    said: list[str] = []
    pieces = [Piece("timeout", 400, SEED), Piece("pan", 300, SEED)]
    [row] = rows(fed(pieces, tmp_path, said.append, engine="dice"))
    assert row.violations == ()
    assert row.counts["executions"] == 700
    assert row.counts["targets"] == 2
    assert said[-1] == "2/2 pieces, 700 executions"


def test_every_rpc_of_both_services_is_fed() -> None:
    vault = [rpc_vault.paths(service) for service in rpc_vault.SERVICES]
    updater = [rpc_updater.paths(service) for service in rpc_updater.SERVICES]
    assert sum(map(len, vault)) == len(vault_routes())
    assert sum(map(len, updater)) == len(updater_routes())
    assert set(rpc_vault.SERVICES) | set(rpc_updater.SERVICES) == CALLS


def test_the_table_of_targets_has_each_of_them_once() -> None:
    names = [name for targets in MODULES.values() for name in targets]
    assert len(names) == len(set(names))
    kept = {path.stem for path in Path("tests/fuzz/targets").glob("*.py")}
    assert kept == set(MODULES)
    for module, shares in MODULES.items():
        targets = import_module(f"tests.fuzz.targets.{module}").TARGETS
        assert {each.name for each in targets} == set(shares)
