"""Decide an answer by number: for every enrolled card that holds or held it, or park it.

Source: `api.md`, CredentialService; account-updater.md, sections 5.4 and C; ADR 0021.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from cards.outcomes import BRINGS_EXPIRY
from vault.domain.card import Card, CardKey, Cause, Status
from vault.domain.intents import ApplyByNumber, ApplyUpdate, Entry, ReleaseParked
from vault.domain.parked import DAY_US, MOST_OF_A_NUMBER, ParkedDay, ParkedKey, ParkedRow
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import Disposition, NumberUpdateResult, UpdateResult
from vault.domain.soundness import must_be_sound
from vault.usecases.decide.answers import framed, rejected, unchanged
from vault.usecases.decide.context import Context, Decision, Fan
from vault.usecases.decide.numbers import fpan_keys
from vault.usecases.decide.parked import opened, parked_row, waiting_now
from vault.usecases.decide.update import decide_for_card
from vault.usecases.decide.usable import barred, unfit
from vault.usecases.ledger.state import AppliedKey, NumberKey

MOST_AT_ONCE: Final = 2_000
"""Decisions on cards that one number's parked answers may come to in one flush."""
# Which of several cards' dispositions an answer's is: what somebody has to look at goes first.
_ORDER: Final = (
    Disposition.APPLIED,
    Disposition.CONFLICT,
    Disposition.REJECTED,
    Disposition.NO_CHANGE,
    Disposition.STALE,
    Disposition.DUPLICATE,
)


class Bearer(NamedTuple):
    """A card that has or had a number: the newest version that did, and who brought that."""

    card: Card
    version: int
    cause: str


@dataclass(slots=True)
class Told:
    """The dispositions of one answer, card by card."""

    cards: list[UpdateResult] = field(default_factory=list)
    whole: UpdateResult | None = None  # where it was about none

    def value(self) -> NumberUpdateResult:
        """Return the answer's own disposition."""
        if self.whole is not None:
            return NumberUpdateResult(
                self.whole.disposition, (), self.whole.why, self.whole.reason, self.whole.field
            )
        main = min(self.cards, key=lambda each: _ORDER.index(each.disposition))
        return NumberUpdateResult(
            main.disposition, tuple(self.cards), main.why, main.reason, main.field
        )


def decide_by_number(ctx: Context, entry: Entry, intent: ApplyByNumber) -> Fan:
    """Apply one answer to the cards that it is about, or park it, or say why neither."""
    told = Told()
    return Fan(_decisions(ctx, entry.caller.tenant, intent, told), told.value)


def _decisions(ctx: Context, tenant: str, intent: ApplyByNumber, told: Told) -> Iterator[Decision]:
    said = intent.said
    numbers = fpan_keys(tenant, ctx.keys[tenant], intent.pan)
    problem = unfit(said)
    if problem is not None:
        yield _about_none(told, rejected(said, None, *problem))
        return
    if AppliedKey(tenant, said.update_id, "") in ctx.state.applied:
        yield _about_none(told, unchanged(said, None, Disposition.DUPLICATE, "parked and undone"))
        return
    if any(number in ctx.state.cut for number in numbers):
        reason = Reason.TOO_MANY_CARDS
        yield _about_none(told, rejected(said, None, reason, "", "too many cards"))
        return
    bearers = _bearers(ctx, tenant, numbers)
    touched = [bearer for bearer in bearers if _may_touch(ctx, bearer.card, said)]
    for bearer in touched:
        decision = _for_card(ctx, bearer, said)
        told.cards.append(decision.value)
        yield decision
    if touched:
        return
    if bearers or said.outcome not in BRINGS_EXPIRY:
        why = "no enrolled card has or had the number"
        yield _about_none(told, unchanged(said, None, Disposition.NOT_FOUND, why))
    else:
        yield _about_none(told, _parked(ctx, tenant, intent, numbers))


def _about_none(told: Told, decision: Decision) -> Decision:
    told.whole = decision.value
    return decision


def _bearers(ctx: Context, tenant: str, numbers: Sequence[NumberKey]) -> list[Bearer]:
    """Return the cards that have or had a number, in order of their tokens.

    As the entries before this one in the flush left them; not the cards that the flush itself
    makes: whoever makes one meanwhile might as well have made it later.
    """
    state = ctx.state
    fingerprints = {state.numbers.get(number, "") for number in numbers} - {""}
    keys: set[CardKey] = set()
    for number in numbers:
        keys.update(state.held.get(number, ()))
    for fingerprint in fingerprints:
        keys.update(ctx.bearers.get((tenant, fingerprint), ()))
    found = [_bearer(ctx, key, fingerprints) for key in sorted(keys)]
    return [bearer for bearer in found if bearer is not None]


def _bearer(ctx: Context, key: CardKey, fingerprints: set[str]) -> Bearer | None:
    card = ctx.state.cards.get(key)
    if card is None:
        return None
    must_be_sound(card)
    if card.fingerprint in fingerprints:
        return Bearer(card, card.credential_version, card.version_cause)
    had = [old for old in ctx.state.versions.get(key, ()) if old.fingerprint in fingerprints]
    if not had:
        return None
    newest = max(had, key=lambda old: old.credential_version)
    return Bearer(card, newest.credential_version, newest.cause)


def _may_touch(ctx: Context, card: Card, said: ApplyUpdate) -> bool:
    """Tell whether a card is enrolled at the merchant account, or had this very answer before."""
    if card.status_at(ctx.now) == Status.DELETED:
        return False
    seen = AppliedKey(card.tenant, said.update_id, card.token) in ctx.state.applied
    return seen or barred(card, said) is None


def _for_card(ctx: Context, bearer: Bearer, said: ApplyUpdate) -> Decision:
    """Decide for one card; what fails for it fails for it alone."""
    card = bearer.card
    mine = replace(said, token=card.token, asked_version=bearer.version)
    try:
        return decide_for_card(ctx, card, mine)
    except VaultError as error:
        return rejected(mine, card, error.reason, error.field, error.reason.value)


def _parked(
    ctx: Context, tenant: str, intent: ApplyByNumber, numbers: Sequence[NumberKey]
) -> Decision:
    """Park an answer, unless it waits already or too many do."""
    said, state = intent.said, ctx.state
    day = ParkedDay(tenant, said.channel, ctx.now // DAY_US)
    decision = framed(said, UpdateResult(Disposition.PARKED, None, "no card has the number"))
    if ParkedKey(tenant, said.update_id) in state.parked:
        decision.reason = "waits already"
    elif (
        state.parked_days.get(day, 0) >= ctx.rules.parked_per_day
        or len(state.waiting_for(numbers)) >= MOST_OF_A_NUMBER
    ):
        return rejected(said, None, Reason.PARKED_FULL, "", "too many wait")
    elif not said.dry_run:
        row = parked_row(ctx, tenant, intent)
        decision.parked = {row.key: row}
    return decision


def decide_release(ctx: Context, entry: Entry, intent: ReleaseParked) -> Fan:
    """Decide again the parked answers about a number that are due: in order, a bounded part.

    One that touches a card is parked no more; one that touches none goes on waiting.
    """
    tenant = entry.caller.tenant
    number = NumberKey(tenant, intent.mac)
    due = [row for row in waiting_now(ctx, ctx.state.waiting_for([number])) if row.look_time]
    bearers = _bearers(ctx, tenant, [number])
    part = due[: max(1, MOST_AT_ONCE // max(1, len(bearers)))]
    return Fan(_releases(ctx, part, number if len(part) < len(due) else None), lambda: None)


def _releases(ctx: Context, rows: list[ParkedRow], rest: NumberKey | None) -> Iterator[Decision]:
    for row in rows:
        first = True
        for decision in _release(ctx, row):
            if first:
                gone = decision.value.card is not None
                decision.parked[row.key] = None if gone else row._replace(look_time=0)
                if rest is not None:
                    decision.due.append(rest)  # in the next flush
            first = False
            yield decision


def _release(ctx: Context, row: ParkedRow) -> Iterator[Decision]:
    tenant = row.tenant
    try:
        intent = opened(ctx.keys[tenant], row)
    except VaultError as error:
        yield _broken(row, error)
        return
    said = intent.said
    numbers = fpan_keys(tenant, ctx.keys[tenant], intent.pan)
    wide = any(number in ctx.state.cut for number in numbers)
    touched = [
        bearer
        for bearer in _bearers(ctx, tenant, () if wide else numbers)
        if bearer.cause == Cause.NETWORK and _may_touch(ctx, bearer.card, said)
    ]
    for bearer in touched:
        yield _for_card(ctx, bearer, said)
    if not touched:
        why = "no card has the number yet"
        yield framed(said, UpdateResult(Disposition.PARKED, None, why))


def _broken(row: ParkedRow, error: VaultError) -> Decision:
    """Say that a parked answer cannot be opened: it stays until it is purged, and is told."""
    result = UpdateResult(Disposition.REJECTED, None, error.reason.value, error.reason)
    return Decision(
        action="card.apply_update",
        value=result,
        result="rejected",
        reason=error.reason.value,
        note=f"{row.channel}/{row.file}",
    )
