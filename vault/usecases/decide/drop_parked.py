"""Decide that a parked answer waits no more, because its file is undone."""

from __future__ import annotations

from typing import Final

from vault.domain.intents import DropParked, Entry
from vault.domain.parked import ParkedKey
from vault.usecases.decide.context import Context, Decision, Verdict

ACTION: Final = "answer.drop_parked"


def decide_drop(ctx: Context, entry: Entry, intent: DropParked) -> Verdict:
    """Drop a parked answer if it still waits, for good: sent again, it has been heard before.

    Answers whether it waited.
    """
    key = ParkedKey(entry.caller.tenant, intent.update_id)
    waits = key in ctx.state.parked
    decision = Decision(
        action=ACTION,
        value=waits,
        result="dry_run" if intent.dry_run else "ok" if waits else "gone",
        note=f"{intent.source} {intent.update_id}",
    )
    if waits and not intent.dry_run:
        decision.parked = {key: None}
        decision.applied = (intent.update_id, "REVERTED")
    return decision
