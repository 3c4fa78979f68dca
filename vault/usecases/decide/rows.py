"""What an accepted decision adds to a flush, and to the state that the next one sees."""

from __future__ import annotations

from vault.domain.card import Card, CardKey
from vault.domain.parked import ParkedChange
from vault.usecases.decide.context import Context, Decision
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import NumberKey, State


def relied_on(state: State, delta: Delta) -> dict[NumberKey, str]:
    """Return the index rows that were there and whose fingerprints the flush's cards use.

    It is the rows that are compared when the flush is written, not who holds their numbers: a row
    may outlive its last card, and is then as good as on the first day.
    """
    used = {(card.tenant, card.fingerprint) for _base, card in delta.cards.values()}
    return {
        key: fingerprint
        for key, fingerprint in state.numbers.items()
        if key not in delta.numbers and (key.tenant, fingerprint) in used
    }


def accept_rows(state: State, delta: Delta, decision: Decision) -> None:
    """Add a decision's rows but its card's, and keep the state up to date with them."""
    if decision.superseded is not None:
        old = decision.superseded
        delta.versions.append(old)
        state.versions.setdefault(CardKey(old.tenant, old.token), []).append(old)
    if decision.numbers:
        state.numbers.update(decision.numbers)
        delta.numbers.update(decision.numbers)
    for dropped in decision.dropped_versions:
        tenant, token, number = dropped
        delta.dropped_versions.append(dropped)
        kept = state.versions.get(CardKey(tenant, token), [])
        state.versions[CardKey(tenant, token)] = [
            old for old in kept if old.credential_version != number
        ]
    if decision.parked:
        _accept_parked(state, delta, decision)
    if decision.due:
        delta.due.update(dict.fromkeys(decision.due))
    delta.dropped_numbers.extend(decision.dropped_numbers)
    delta.ended_chains.extend(decision.ended_chains)


def _accept_parked(state: State, delta: Delta, decision: Decision) -> None:
    for key, row in decision.parked.items():
        known = state.parked.get(key)
        base = delta.parked[key].base if key in delta.parked else known
        if known is not None:
            state.unpark(known)
        if row is not None:
            state.park(row)
            if known is None:
                state.parked_days[row.counted] = state.parked_days.get(row.counted, 0) + 1
        if base is None and row is None:
            del delta.parked[key]  # came and went in this very flush
        else:
            delta.parked[key] = ParkedChange(base, row)


def note_bearer(ctx: Context, before: Card | None, after: Card) -> None:
    """Note that a card got a number in this flush: an answer about it may follow."""
    if before is not None and before.fingerprint != after.fingerprint and after.fingerprint:
        ctx.bearers.setdefault((after.tenant, after.fingerprint), []).append(after.key)
