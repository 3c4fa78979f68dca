"""Judges what becomes durable, as it does, against the plain model in the order of commits.

A store's commits are one after another, and each call's audit record is in its own: so that order
is the one in which the vault says that it decided, and a plain model can follow it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.doubles.decide_model import Model, Modelled
from tests.seeds.life import WallClock
from tests.seeds.ops import HOUR_US, Fact, Op, Verdict
from tests.seeds.past import Effect, Past
from tests.seeds.promises import Findings, Promise
from tests.seeds.trace import Trace
from vault.adapters.memory.tables import Tables
from vault.domain.audit import GENESIS, AuditRow, ChainHead, chained_hash, ended_by
from vault.domain.card import Card, CardKey, ExistingKey, HoldType, holds_of
from vault.usecases.ledger.delta import Delta
from vault.usecases.sweeper import LEAST_ANSWER_AGE_US
from vault.usecases.sweeper import PRINCIPAL as SWEEPER

_TRACED: Final = ("action", "result", "reason", "token", "revision", "origin")


@dataclass
class Attempt:
    """One sending of a call, and what became durable of it."""

    op: Op
    begun: float = 0.0  # when the process took it in
    facts: list[tuple[Fact, Verdict]] = field(default_factory=list)
    undone: bool = False  # the caller was told that nothing was done


@dataclass
class Judge:
    """Follows all commits. One instance a seed."""

    findings: Findings
    trace: Trace
    wall: WallClock
    tables: Tables
    model: Model = field(default_factory=Model)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    effects: dict[tuple[str, str, str], Effect] = field(
        default_factory=dict
    )  # of ids that are known still
    history: dict[tuple[str, str, str], list[Effect]] = field(default_factory=dict)
    heads: dict[str, ChainHead] = field(default_factory=dict)
    writers: dict[str, object] = field(default_factory=dict)
    ended: dict[str, ChainHead] = field(default_factory=dict)
    events: dict[tuple[str, int], bytes] = field(default_factory=dict)
    records: int = 0
    position: int = 0
    past: Past = field(default_factory=Past)
    may_end: Callable[[object], bool] = lambda _who: True

    def committed(self, who: object, delta: Delta, read_at: int) -> None:
        """Take in a flush that has just become durable; it had read behind commit `read_at`."""
        self.position += 1
        touched = [key.token for key in delta.cards]
        touched += [token for _tenant, token, _number in delta.dropped_versions]
        with self.past.seen_from(self.model, read_at):
            self.past.keep(self.model, self.position, touched)
            self._flushed(who, delta, read_at)
        self._pointers(delta, touched)

    def _flushed(self, who: object, delta: Delta, read_at: int) -> None:
        was = {token: self._revision(token) for token in {key.token for key in delta.cards}}
        for row in delta.audit:
            self.records += 1
            self._link(who, row)
            told = json.loads(row.record)
            self.trace.note(
                "commit", who, row.sequence, row.hash, *[told.get(each, "") for each in _TRACED]
            )
            self._decided(told, row, read_at)
        self._links_end(delta)
        self._cards(delta, was)

    def forgotten(self, table: str, rows: dict[Any, Any]) -> None:
        """Take in what housekeeping has deleted: nothing goes early."""
        self.trace.note("forgotten", table, len(rows))
        latest = self.wall.latest
        if table == "requests":
            for key, record in rows.items():
                young = record.create_time > latest - 24 * HOUR_US
                self.findings.check(
                    not young, Promise.SWEPT, f"{key.request_id} was forgotten within 24 hours"
                )
                effect = self.effects.pop(tuple(key), None)
                if effect is not None:
                    self.past.forget(self.position, tuple(key), effect)
        elif table == "applied":
            for key, (_told, at) in rows.items():
                young = at > latest - LEAST_ANSWER_AGE_US
                self.findings.check(
                    not young, Promise.SWEPT, f"{key.update_id} was forgotten within 31 days"
                )
                self.model.answers.discard((key.update_id, key.token))
                self.past.forget_answer(self.position, (key.update_id, key.token))

    def _revision(self, token: str) -> int:
        card = self.model.cards.get(token)
        return card.revision if card is not None else 0

    def _link(self, who: object, row: AuditRow) -> None:
        head = self.heads.get(row.chain, ChainHead(row.chain, 0, GENESIS))
        writer = self.writers.setdefault(row.chain, who)
        right = (
            row.sequence == head.sequence + 1
            and chained_hash(head.hash, row.record) == row.hash
            and writer is who
            and row.chain not in self.ended
        )
        self.findings.check(right, Promise.CHAINS, f"record {row.sequence} of {row.chain}")
        self.heads[row.chain] = ChainHead(row.chain, row.sequence, row.hash)
        for claim in ended_by(row.record):
            as_it_was = self.heads.get(claim.chain) == claim and claim.chain not in self.ended
            self.findings.check(
                as_it_was, Promise.CHAINS, f"{claim.chain} was not ended as it stood"
            )
            self.ended[claim.chain] = claim
            victim = self.writers.get(claim.chain)
            self.findings.check(
                victim is None or self.may_end(victim),
                Promise.LIVES,
                f"{victim} lives, and its chain was ended",
            )

    def _links_end(self, delta: Delta) -> None:
        head = self.heads.get(delta.head.chain)
        self.findings.check(head == delta.head, Promise.CHAINS, f"the head of {delta.head.chain}")
        self.findings.check(
            self.tables.ended == self.ended.keys(), Promise.CHAINS, "a chain's end is unrecorded"
        )

    def _decided(self, told: dict[str, Any], row: AuditRow, read_at: int) -> None:
        origin = told.get("origin", "")
        if origin:
            self._call(self.attempts[origin], told, row.time, read_at)
        elif told.get("principal") == SWEEPER and told["result"] == "ok":
            self._swept(told, row.time)

    def _call(self, attempt: Attempt, told: dict[str, Any], now: int, read_at: int) -> None:
        op, refused = attempt.op, told["result"] == "refused"
        said = told["reason"] if refused else told["result"]
        said = said if refused or said == "ok" else said.upper()
        fact = Fact(said, told.get("token", ""), now, told.get("revision", 0))
        name = f"call {op.number} ({op.kind})"
        known = self.effects.get(op.key) if op.marked else None
        if said == "REQUEST_ID_REUSED":
            known = known or self.past.forgotten_since(read_at, op.key)
            reused = known is not None and known.op is not op
            self.findings.check(reused, Promise.RIGHT, f"{name}: its id is its own")
            verdict = Verdict(said)
        else:
            # What is refused writes no request record: it may not have known of a rival's.
            later = known is not None and refused and known.position > read_at
            self.findings.check(known is None or later, Promise.ONCE, f"{name} has a second effect")
            verdict = op.expect(self.model, fact)
            right = verdict.said == said and verdict.token in {"", fact.token}
            self.findings.check(
                right, Promise.RIGHT, f"{name}: said {said}, where the model says {verdict.said}"
            )
            if op.marked and said == "ok":
                effect = Effect(op, fact.token, verdict.created, fact.revision, self.position)
                self.effects[op.key] = effect
                self.history.setdefault(op.key, []).append(effect)
        self.findings.check(not attempt.undone, Promise.UNDONE, f"{name} was told to be not done")
        self.findings.check(not attempt.facts, Promise.ONCE, f"{name}: one sending, two records")
        attempt.facts.append((fact, verdict))

    def _swept(self, told: dict[str, Any], now: int) -> None:
        # What is deleted is judged by what holds when it is: a hold may have come since the read.
        card = self.past.now(self.model, told["token"])
        by_clock = now <= self.wall.latest
        if told["action"] == "card.erase":
            due = 0 < card.expires <= now or (card.status == "DELETED" and card.purge <= now)
            right = due and by_clock and not card.legal and not card.erased
            self.findings.check(right, Promise.SWEPT, f"{card.token} was erased early, or held")
            card.erased, card.status, card.customer = True, "DELETED", ""
            card.opted_out, card.revision = False, card.revision + 1
            for kept in card.versions[:-1]:
                kept.gone = True
        elif told["action"] == "card.purge_version":
            kept = card.versions[int(told["note"].split()[0]) - 1]
            right = kept.purge <= now and by_clock and not card.legal and not kept.gone
            self.findings.check(
                right and kept is not card.now_kept,
                Promise.SWEPT,
                f"a version of {card.token} was purged early, or held",
            )
            kept.gone = True

    def _cards(self, delta: Delta, was: dict[str, int]) -> None:
        """Compare the flush's cards with the model's, and its events with their revisions."""
        told = {(row.token, row.revision): row.payload for row in delta.outbox}
        due: set[tuple[str, int]] = set()
        for key, change in delta.cards.items():
            card = self.model.cards.get(key.token)
            if card is None:
                self.findings.broken(Promise.RIGHT, f"{key.token} was made by nobody's call")
                continue
            self.findings.check(
                agrees(self.tables.cards.get(key), card, key),
                Promise.RIGHT,
                f"{key.token} is not what the model has",
            )
            before = was[key.token]
            self.findings.check(
                change.base == before, Promise.REVISIONS, f"{key.token} had revision {before}"
            )
            due |= {(key.token, each) for each in range(before + 1, card.revision + 1)}
        self.findings.check(
            told.keys() == due and len(told) == len(delta.outbox),
            Promise.REVISIONS,
            "a flush's events are not its revisions",
        )
        self.events.update(told)

    def _pointers(self, delta: Delta, touched: Sequence[str]) -> None:
        """Check that Tokenize finds the cards that it should, and no other, where one changed."""
        now = delta.audit[-1].time
        changed = [*touched, *(change.new for change in delta.pointers.values() if change.new)]
        for token in dict.fromkeys(changed):
            card = self.model.cards.get(token)
            if card is None or not card.customer:
                continue
            wrong = "" if card.findable_at(now) else self._stale(card)
            for number in sorted({kept.number for kept in card.versions}):
                oldest = self.model.found(card.tenant, card.customer, number, now)
                if oldest is not None and not self._points_to(oldest):
                    wrong = f"{oldest.token} is live and not found"
            if wrong:
                self.findings.broken(Promise.FOUND, wrong)

    def _stale(self, card: Modelled) -> str:
        found = card.token in self.tables.existing.values()
        return f"{card.token} is not live, and found" if found else ""

    def _points_to(self, card: Modelled) -> bool:
        row = self.tables.cards[CardKey(card.tenant, card.token)]
        key = ExistingKey(row.tenant, row.fingerprint, row.customer, row.kind, row.token_format)
        return self.tables.existing.get(key) == card.token


def agrees(card: Card | None, wanted: Modelled, key: CardKey) -> bool:
    """Tell whether a stored card is what the model has."""
    if card is None:
        return False
    held = {hold.type for hold in holds_of(card)}
    return (
        (card.key, card.revision, card.status, card.credential_version)
        == (key, wanted.revision, wanted.status, len(wanted.versions))
        and (card.sealed is None) is wanted.erased
        and (HoldType.LEGAL_HOLD in held) is (wanted.legal and not wanted.erased)
    )
