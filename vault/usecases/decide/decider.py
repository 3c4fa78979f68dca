"""Decide a flush: every entry in order of arrival, each seeing those before it.

Pure: state, time, randomness and keys are handed in; the same input gives the same rows. One
implementation for every engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cards.masking import may_be_card_number
from vault.crypto.keys import TenantKeys
from vault.domain.audit import REAP, AuditFacts, claims_of, link
from vault.domain.card import CardKey
from vault.domain.events import CardEvent, OutboxRow
from vault.domain.intents import (
    AddCard,
    ApplyByNumber,
    ApplyUpdate,
    DeleteCard,
    DropParked,
    EditCard,
    EndChains,
    Entry,
    EraseCard,
    FindNumber,
    Note,
    NoteDecline,
    PurgeVersion,
    ReleaseParked,
    Reveal,
    RevertUpdates,
    SetStatus,
    UndeleteCard,
)
from vault.domain.outcome import Applied, Outcome, Refused, Replayed
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import CardResult, TokenizeResult
from vault.domain.soundness import damaged
from vault.usecases.decide.by_number import decide_by_number, decide_release
from vault.usecases.decide.context import Context, Decision, Fan, Look, Rules, Verdict
from vault.usecases.decide.drop_parked import decide_drop
from vault.usecases.decide.edit import decide_edit
from vault.usecases.decide.imprints import leave_imprint
from vault.usecases.decide.pointers import repoint
from vault.usecases.decide.removal import (
    decide_delete,
    decide_erase,
    decide_purge,
    decide_undelete,
)
from vault.usecases.decide.reveal import decide_find, decide_reveal
from vault.usecases.decide.revert import decide_revert
from vault.usecases.decide.rows import accept_rows, note_bearer, relied_on
from vault.usecases.decide.status import decide_decline, decide_status
from vault.usecases.decide.tokenize import decide_tokenize
from vault.usecases.decide.update import decide_update
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import AppliedKey, RequestKey, RequestRecord, State


def _decide_note(_ctx: Context, _entry: Entry, intent: Note) -> Verdict:
    return Decision(
        action=intent.action,
        value=None,
        token=_unless_number(intent.token),
        result=intent.result,
        reason=intent.reason,
        purpose=_unless_number(intent.purpose),
        note=intent.note,
    )


def _decide_end_chains(_ctx: Context, _entry: Entry, intent: EndChains) -> Verdict:
    """End chains as they stand: where one has moved or ended, the store fails the flush."""
    note = claims_of(intent.heads)
    return Decision(action=REAP, value=None, ended_chains=intent.heads, note=note)


def _unless_number(sent: str) -> str:
    """Return what a refused caller sent, for the audit; a card number sent as a token stays out."""
    return "" if sent and may_be_card_number(sent) else sent


# The intent's type chooses its decision and the action that a refusal is audited under.
DECISIONS: Mapping[type, tuple[str, Callable[[Context, Entry, Any], Verdict | Fan]]] = {
    AddCard: ("card.tokenize", decide_tokenize),
    EditCard: ("card.update", decide_edit),
    SetStatus: ("card.set_status", decide_status),
    NoteDecline: ("card.report_decline", decide_decline),
    DeleteCard: ("card.delete", decide_delete),
    UndeleteCard: ("card.undelete", decide_undelete),
    Reveal: ("card.reveal", decide_reveal),
    FindNumber: ("card.find_by_number", decide_find),
    ApplyUpdate: ("card.apply_update", decide_update),
    ApplyByNumber: ("card.apply_update", decide_by_number),
    ReleaseParked: ("card.apply_update", decide_release),
    DropParked: ("answer.drop_parked", decide_drop),
    RevertUpdates: ("card.revert_updates", decide_revert),
    EraseCard: ("card.erase", decide_erase),
    PurgeVersion: ("card.purge_version", decide_purge),
    Note: ("note", _decide_note),
    EndChains: (REAP, _decide_end_chains),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a flush is given besides its entries: the time (microseconds) and randomness."""

    now: int
    random: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Decider:
    """Turns what was read and what is wanted into outcomes and rows."""

    encode_event: Callable[[CardEvent], OutboxRow | None]
    rules: Rules = field(default_factory=Rules)

    def decide(
        self,
        state: State,
        entries: Sequence[Entry],
        keys: Mapping[str, TenantKeys],
        envelope: Envelope,
    ) -> tuple[list[Outcome], Delta]:
        """Decide all entries; `state` is used up by it."""
        ctx = Context(state, envelope.now, envelope.random, keys, self.rules)
        delta = Delta(base_head=state.head, control=state.control, head=state.head)
        outcomes = [self._one(ctx, delta, entry) for entry in entries]
        for facts in ctx.refusals.summaries():
            _audit(ctx, delta, facts)
        if len(state.numbers) > len(delta.numbers):
            delta.known_numbers = relied_on(state, delta)
        return outcomes, delta

    def _one(self, ctx: Context, delta: Delta, entry: Entry) -> Outcome:
        replay = _replayed(ctx, entry)
        if replay is not None:
            if isinstance(replay, Refused):
                self._audit_refusal(ctx, delta, entry, replay)
            return replay
        _action, decide = DECISIONS[type(entry.intent)]
        try:
            verdict = decide(ctx, entry, entry.intent)
        except VaultError as error:
            verdict = Refused(error.reason, error.field)
        if isinstance(verdict, Refused):
            self._audit_refusal(ctx, delta, entry, verdict)
            return verdict
        if isinstance(verdict, Fan):
            for decision in verdict.decisions:
                self._accept(ctx, delta, entry, decision)
            return Applied(verdict.value())
        if isinstance(verdict, Look):
            _audit(ctx, delta, _facts(entry, verdict))
        else:
            self._accept(ctx, delta, entry, verdict)
        return Applied(verdict.value)

    def _accept(self, ctx: Context, delta: Delta, entry: Entry, decision: Decision) -> None:
        state = ctx.state
        accept_rows(state, delta, decision)
        leave_imprint(ctx, delta, decision)
        after = decision.after
        for card in decision.relied:
            delta.rely_on(card)
        if after is not None:
            key = after.key
            delta.change(decision.before.revision if decision.before else 0, after)
            state.cards[key] = after
            note_bearer(ctx, decision.before, after)
            repoint(state, delta, decision.before, after, ctx.now)
            if decision.event is not None:
                self._tell(ctx, delta, entry, decision)
        if entry.mark is not None and decision.record_request:
            _remember(ctx, delta, entry, decision)
        if decision.applied is not None:
            update_id, disposition = decision.applied
            applied = AppliedKey(entry.caller.tenant, update_id, decision.token)
            state.applied[applied] = disposition
            delta.applied.append((applied, disposition, ctx.now))
        revision = after.revision if after is not None else 0
        facts = _facts(entry, decision, decision.result, decision.reason, revision)
        _audit(ctx, delta, facts)

    def _tell(self, ctx: Context, delta: Delta, entry: Entry, decision: Decision) -> None:
        assert decision.after is not None  # noqa: S101 - the caller has checked it
        assert decision.event is not None  # noqa: S101
        before = decision.before
        row = self.encode_event(
            CardEvent(
                decision.event,
                decision.after,
                before.fingerprint if before else "",
                before.status if before else "",
                decision.cause,
                decision.source,
                ctx.now,
                entry.caller.principal,
                decision.said,
                entry.caller.traceparent,
            )
        )
        if row is not None:
            delta.outbox.append(row)

    @staticmethod
    def _audit_refusal(ctx: Context, delta: Delta, entry: Entry, refused: Refused) -> None:
        intent = entry.intent
        if not ctx.refusals.in_full(entry.caller, refused.reason):
            return
        token = getattr(intent, "token", "")
        if CardKey(entry.caller.tenant, token) not in ctx.state.cards:
            token = _unless_number(token)
        facts = AuditFacts(
            tenant=entry.caller.tenant,
            principal=entry.caller.principal,
            origin=entry.caller.origin,
            action=DECISIONS[type(intent)][0],
            result="refused",
            token=token,
            purpose=_unless_number(getattr(intent, "purpose", "")),
            reason=refused.reason.value,
            request_id=_request_id(entry),
        )
        _audit(ctx, delta, facts)


def _audit(ctx: Context, delta: Delta, facts: AuditFacts) -> None:
    row, delta.head = link(delta.head, ctx.now, facts)
    delta.audit.append(row)


def _facts(
    entry: Entry, done: Decision | Look, result: str = "ok", reason: str = "", revision: int = 0
) -> AuditFacts:
    caller = entry.caller
    return AuditFacts(
        caller.tenant,
        caller.principal,
        caller.origin,
        done.action,
        result,
        done.token,
        done.purpose,
        reason,
        _request_id(entry),
        revision,
        done.note,
    )


def _request_id(entry: Entry) -> str:
    """Return the id that the caller gave, whether or not it makes a retry safe."""
    return entry.mark.request_id if entry.mark else getattr(entry.intent, "request_id", "")


def _remember(ctx: Context, delta: Delta, entry: Entry, decision: Decision) -> None:
    assert entry.mark is not None  # noqa: S101
    caller = entry.caller
    key = ctx.keys[caller.tenant].requests[0]
    record = RequestRecord(
        caller.tenant,
        caller.principal,
        entry.mark.request_id,
        key.key_id,
        key.mac(entry.mark.body),
        decision.token,
        decision.outcome,
        ctx.now,
    )
    delta.requests.append(record)
    ctx.state.requests[RequestKey(*record[:3])] = record


def _replayed(ctx: Context, entry: Entry) -> Replayed | Refused | None:
    """Return what a known request id answers: the recorded outcome with the card as it is now."""
    if entry.mark is None:
        return None
    caller = entry.caller
    record = ctx.state.requests.get(
        RequestKey(caller.tenant, caller.principal, entry.mark.request_id)
    )
    if record is None:
        return None
    keys = {key.key_id: key for key in ctx.keys[caller.tenant].requests}
    key = keys.get(record.mac_key)
    if key is None or not key.verify(entry.mark.body, record.mac):
        return Refused(Reason.REQUEST_ID_REUSED, "request_id")
    card = ctx.state.cards.get(CardKey(record.tenant, record.token))
    if card is None:
        return Refused(Reason.CARD_NOT_FOUND, "token")
    if damaged(card):
        return Refused(Reason.DATA_CORRUPT)
    if isinstance(entry.intent, AddCard):
        told = json.loads(record.outcome) if record.outcome else {}
        return Replayed(
            TokenizeResult(card, bool(told.get("created")), tuple(told.get("differs", ())))
        )
    return Replayed(CardResult(card))
