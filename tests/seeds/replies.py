"""Judges what a process answers, at the moment it does, against what is durable by then."""

from __future__ import annotations

from dataclasses import dataclass

from tests.seeds.judge import Attempt, Judge
from tests.seeds.life import KEYS, Life
from tests.seeds.ops import Seen, Verdict, number
from tests.seeds.past import Effect
from tests.seeds.promises import Promise
from vault.domain.card import Card
from vault.domain.outcome import Applied, InDoubt, NotApplied, Outcome, Refused, Replayed
from vault.domain.results import CardResult, Revealed, TokenizeResult, UpdateResult


@dataclass
class Replies:
    """Holds answers against the judge's records."""

    judge: Judge

    def answered(self, life: Life, attempt: Attempt, outcome: Outcome) -> Seen | None:
        """Judge one answer; return the card that it shows, if it does."""
        op = attempt.op
        self.judge.trace.note("answer", life, op.number, _words(outcome))
        if isinstance(outcome, Applied):
            return self._applied(life, attempt, outcome)
        if isinstance(outcome, Replayed):
            return self._replayed(attempt, outcome)
        if isinstance(outcome, Refused):
            said = {fact.said for fact, _verdict in attempt.facts}
            unstorable = op.kind == "unstorable" and outcome.reason == "INVALID_FIELD"
            self._check(
                unstorable or outcome.reason.value in said,
                Promise.KEPT,
                f"{_name(attempt)} was refused ({outcome.reason}) and nothing says so",
            )
        elif isinstance(outcome, NotApplied):
            attempt.undone = True
            self._check(
                not attempt.facts, Promise.UNDONE, f"{_name(attempt)} was told to be not done"
            )
        else:
            assert isinstance(outcome, InDoubt)
        return None

    def _applied(self, life: Life, attempt: Attempt, outcome: Applied) -> Seen | None:
        value = outcome.value
        promise = Promise.RECORDED if isinstance(value, Revealed) else Promise.KEPT
        done = [each for each in attempt.facts if each[0].said not in {"", "refused"}]
        if not self._check(done, promise, f"{_name(attempt)} was answered and is not durable"):
            return None
        fact, verdict = done[0]
        if isinstance(value, Revealed):
            self._revealed(life, attempt, value, verdict)
            card: Card | None = value.card
        elif isinstance(value, UpdateResult):
            self._same(attempt, value.disposition.value == fact.said)
            card = value.card
        elif isinstance(value, TokenizeResult | CardResult):
            card = value.card
            created = not isinstance(value, TokenizeResult) or value.created is verdict.created
            revision = fact.revision in {0, card.revision}
            self._same(attempt, created and revision and card.token == fact.token)
        else:
            card = None
        return seen_in(card)

    def _revealed(self, life: Life, attempt: Attempt, value: Revealed, verdict: Verdict) -> None:
        kept, contents = verdict.kept, value.contents
        right = (
            kept is not None
            and contents.pan == number(kept.number)
            and contents.expiry is not None
            and contents.expiry.as_int == kept.expiry
            and value.credential_version == verdict.version
        )
        self._check(right, Promise.KEPT, f"{_name(attempt)} showed another version")
        grant = life.kms.grants.get(value.card.tenant)
        oldest = max(attempt.begun - KEYS.max_age_s, 0)
        fresh = grant is not None and grant.over >= oldest
        self._check(fresh, Promise.KEYS, f"{_name(attempt)} was opened with keys past their age")
        if attempt.begun > life.dropped_at > 0:
            self._check(
                grant is not None and grant.begun >= life.dropped_at,
                Promise.KEYS,
                f"{_name(attempt)} was opened with keys that had been dropped",
            )

    def _replayed(self, attempt: Attempt, outcome: Replayed) -> Seen | None:
        value, key = outcome.value, attempt.op.key
        assert isinstance(value, TokenizeResult | CardResult)
        effects = self.judge.history.get(key, [])
        same = [each for each in effects if _stands_for(each, attempt, value)]
        self._check(
            same,
            Promise.STABLE if effects else Promise.KEPT,
            f"{_name(attempt)} was answered as done before, and that is not what was done",
        )
        return seen_in(value.card)

    def _same(self, attempt: Attempt, same: object) -> None:
        self._check(same, Promise.KEPT, f"{_name(attempt)} was answered otherwise than recorded")

    def _check(self, holds: object, promise: Promise, what: str) -> bool:
        return self.judge.findings.check(holds, promise, what)


def seen_in(card: Card | None) -> Seen | None:
    """Return what a client learns of a card."""
    if card is None:
        return None
    return Seen(card.tenant, card.token, card.credential_version, card.revision)


def _stands_for(effect: Effect, attempt: Attempt, value: TokenizeResult | CardResult) -> bool:
    created = not isinstance(value, TokenizeResult) or value.created is effect.created
    card = value.card
    return (
        effect.op is attempt.op
        and created
        and card.token == effect.token
        and card.revision >= effect.revision
    )


def _name(attempt: Attempt) -> str:
    return f"call {attempt.op.number} ({attempt.op.kind})"


def _words(outcome: Outcome) -> str:
    if isinstance(outcome, Refused | NotApplied):
        return f"{type(outcome).__name__} {outcome.reason}"
    if isinstance(outcome, InDoubt):
        return "InDoubt"
    value = outcome.value
    card = getattr(value, "card", None)
    where = f"{card.token} {card.revision}" if card is not None else ""
    return f"{type(outcome).__name__} {where}"
