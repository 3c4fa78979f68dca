"""`make proof` with 20,000 answers: the vault is the simulator's ledger, whatever is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.page import report
from tests.oracle.plan import Plan
from tests.oracle.run import prove


@pytest.mark.slow
async def test_the_vault_is_the_ledger_and_every_answer_is_accounted_for(tmp_path: Path) -> None:
    proven = await prove(Plan(answers=20_000, kills=6), tmp_path, lambda _: None)
    text = report(proven)
    assert proven.right, text
    assert sum(proven.kills.values()) >= 3, text
    # What the story is about did happen, and isn't only right because nothing did.
    verdict = proven.verdict
    assert {"APPLIED", "NO_CHANGE", "DUPLICATE", "PARKED", "CONFLICT", "QUARANTINED"} <= set(
        verdict.ledgers.rows
    ), text
    assert {"chain", "cycle", "contradicted", "omitted", "reversed"} <= set(verdict.marks), text
    assert verdict.files["APPLIED, after approval"] > 0, text
