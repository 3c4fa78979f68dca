"""Decide what goes back when a file's answers, or one of them, are undone.

Number, expiry and status are one matter: who speaks of one of them speaks of the account. Each hold
is another. In each, what answers left lies in layers, and a layer goes when nothing that is to
stand lies above it. What can't go yet is marked as undone all the same: once what keeps it is
undone too, both go, whichever file was first. See ADR 0022.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vault.domain.card import (
    Card,
    Hold,
    Status,
    holds_of,
)
from vault.domain.imprint import Imprint, ImprintKey, left_in
from vault.domain.intents import Entry, RevertUpdates
from vault.domain.outcome import Refused
from vault.domain.reasons import Reason
from vault.domain.results import RevertDisposition
from vault.usecases.decide.context import Context, Verdict
from vault.usecases.decide.line import Step, known_since, line_of
from vault.usecases.decide.put_back import Back, Layer, put_back, told

# The sweeper of another process, its clock a little ahead, must not purge what is put back here.
PURGE_MARGIN_US: Final = 3_600_000_000

_SETTLED: Final = {RevertDisposition.REVERTED, RevertDisposition.NOTHING_TO_REVERT}


def decide_revert(ctx: Context, entry: Entry, intent: RevertUpdates) -> Verdict:
    """Undo what is meant on one card, as a new version, unless newer knowledge came since."""
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused):
        return card
    if card.status_at(ctx.now) == Status.DELETED or card.sealed is None:
        return told(intent, card, card, RevertDisposition.GONE)
    layers = [Layer(row, left_in(row)) for row in ctx.state.imprints.get(card.key, ())]
    layers.sort(key=lambda layer: (layer.row.revision, layer.left.again))
    meant = [layer.row for layer in layers if _is_meant(layer.row, intent)]
    if intent.version > card.credential_version:
        return Refused(Reason.VERSION_NOT_FOUND, "version.credential_version")
    # What had to stay before is looked at again: whoever kept it may have been undone meanwhile.
    fresh = frozenset(row.key for row in meant if row.undone not in _SETTLED)
    back = _account(ctx, card, layers, fresh)
    _holds(card, layers, fresh, back)
    back.before = any(row.undone == RevertDisposition.REVERTED for row in meant)
    source = meant[-1].source if meant else intent.source
    decision = put_back(ctx, card, back, intent, source=source)
    if not intent.dry_run:
        decision.undone = _marks(card, layers, fresh, back)
    return decision


def _marks(
    card: Card, layers: Sequence[Layer], fresh: frozenset[ImprintKey], back: Back
) -> dict[ImprintKey, tuple[str, str]]:
    """Return what becomes of each imprint: what went back is as if it had never been."""
    left_on = holds_of(card) - back.released
    marks = {}
    for row, left in layers:
        mark = RevertDisposition.KEPT_PURGED if back.purged else RevertDisposition.KEPT_NEWER
        if any(row is layer.row for layer in back.layers):
            mark = RevertDisposition.REVERTED
        elif row.key not in fresh:
            continue
        elif left.again:
            mark = RevertDisposition.NOTHING_TO_REVERT
        elif not left.account and not left.placed & left_on:
            mark = RevertDisposition.REVERTED
        if row.undone != mark:
            marks[row.key] = (row.undone, mark.value)
    return marks


def _is_meant(row: Imprint, intent: RevertUpdates) -> bool:
    if not intent.version:
        return row.source == intent.source
    made = row.version_after != row.version_before
    return made and row.version_after == intent.version


def _account(
    ctx: Context, card: Card, layers: Sequence[Layer], fresh: frozenset[ImprintKey]
) -> Back:
    """Find the layers of the account that go, and the contents that were below them."""
    spoken = [layer for layer in layers if layer.left.account]
    meant = [layer for layer in spoken if layer.row.key in fresh]
    versions = ctx.state.versions.get(card.key, ())
    line = line_of(card, versions, known_since(card, versions))
    found = _loose(spoken, fresh, line) if meant else []
    kept = any(not layer.left.again for layer in meant)
    kept = kept and not any(layer.row.key in fresh for layer in found)
    if not found:
        return Back(kept=kept)
    step = _step(line, found[-1].row.version_before)
    if step is None:
        return Back(purged=True)
    if step[1:3] == (card.fingerprint, card.expiry):
        return Back(found, kept=kept)
    until = ctx.now + PURGE_MARGIN_US
    usable = [
        old for old in versions if old.credential_version in step.numbers and old.purge_time > until
    ]
    if not usable:
        return Back(purged=True)
    return Back(found, max(usable, key=lambda old: old.credential_version), kept=kept)


def _loose(
    spoken: Sequence[Layer], fresh: frozenset[ImprintKey], line: Sequence[Step]
) -> list[Layer]:
    """Return the changes on which nothing lies that is to stand, newest first.

    A version that is no longer current, and that no answer has replaced, was replaced by a person.
    """
    found: list[Layer] = []
    at = line[-1].numbers
    for layer in reversed(spoken):
        row = layer.row
        if layer.stands(fresh):
            break
        if layer.left.again or row.undone == RevertDisposition.REVERTED:
            continue
        if row.version_after not in at:
            break
        found.append(layer)
        step = _step(line, row.version_before)
        at = step.numbers if step is not None else frozenset()
    return found


def _step(line: Sequence[Step], number: int) -> Step | None:
    return next((step for step in line if number in step.numbers), None)


def _holds(card: Card, layers: Sequence[Layer], fresh: frozenset[ImprintKey], back: Back) -> None:
    """Find the holds that go: placed by answers that are undone, and that nobody else speaks of."""
    said = [layer.left.said for layer in layers if layer.row.key in fresh]
    released = set()
    for hold in holds_of(card) & frozenset[Hold]().union(*said):
        above = [layer for layer in layers if hold in layer.left.said]
        placed = [at for at, layer in enumerate(above) if hold in layer.left.placed]
        if not placed or above[placed[-1]].stands(fresh):
            continue  # it was there before
        if any(layer.stands(fresh) for layer in above[placed[-1] + 1 :]):
            back.kept = True
        else:
            released.add(hold)
    back.released = frozenset(released)
