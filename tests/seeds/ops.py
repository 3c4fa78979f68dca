"""What clients ask for: drawn from a seed, each with what the plain model says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any, Final, NamedTuple

from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan
from tests.doubles import decide_bench as bench
from tests.doubles.decide_model import Answer, Kept, Model, Modelled
from tests.doubles.vault_ledger import pan
from vault.domain.card import Hold, HoldType, Status
from vault.domain.intents import (
    Caller,
    DeleteCard,
    Entry,
    Intent,
    Note,
    RequestMark,
    SetStatus,
    UndeleteCard,
)

TENANTS: Final = ("acme", "zeta")
NUMBERS: Final = 4
EXPIRIES: Final = (203001, 203105, 203206)
LEGAL: Final = frozenset({Hold(HoldType.LEGAL_HOLD)})
DAY_US: Final = bench.DAY_US
HOUR_US: Final = DAY_US // 24


class Fact(NamedTuple):
    """One audit record of a call: what was decided on it, as it became durable."""

    said: str  # "ok", a reason, or a disposition
    token: str
    time: int
    revision: int


@dataclass(slots=True)
class Verdict:
    """What the model says of a call at its place in the order of commits."""

    said: str
    token: str = ""  # the card that it must be; empty: any
    created: bool = True
    kept: Kept | None = None  # what a reveal shows
    version: int = 0


Expect = Callable[[Model, Fact], Verdict]


@dataclass(eq=False)
class Op:
    """One call, with the same request id however often it is sent."""

    number: int
    kind: str
    tenant: str
    principal: str
    intent: Intent
    expect: Expect
    request_id: str = ""
    body: bytes = b""
    again: bool = False  # a sent id with another body
    attempts: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.tenant, self.principal, self.request_id

    @property
    def marked(self) -> bool:
        return bool(self.request_id)

    def entry(self, still_wanted: Callable[[], bool] | None = None) -> Entry:
        """Return the entry of the next attempt; its origin names it in the audit."""
        self.attempts += 1
        caller = Caller(self.tenant, self.principal, f"{self.number}.{self.attempts}")
        mark = RequestMark(self.request_id, self.body) if self.request_id else None
        return Entry(caller, self.intent, mark, still_wanted=still_wanted)


class Seen(NamedTuple):
    """A card that some answer has named, with its versions so far."""

    tenant: str
    token: str
    versions: int
    revision: int


@lru_cache
def number(which: int) -> Pan:
    """Return a test number; the same object each time, since it takes a while to check one."""
    return pan(which)


def _card(model: Model, op_tenant: str, token: str) -> Modelled | None:
    card = model.cards.get(token)
    return card if card is not None and card.tenant == op_tenant else None


@dataclass
class Drawer:
    """Draws calls. `weights` say how often each kind comes: every seed has a mix of its own."""

    chance: Random
    weights: dict[str, float]
    seen: list[Seen] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _drawn: int = 0
    _sent: list[Op] = field(default_factory=list)
    _answers: list[tuple[str, Seen, int, Answer, int]] = field(default_factory=list)

    def note(self, seen: Seen) -> None:
        """Remember a card as it was last answered."""
        at = self._places.get(seen.token)
        if at is None:
            self._places[seen.token] = len(self.seen)
            self.seen.append(seen)
        elif self.seen[at].revision < seen.revision:
            self.seen[at] = seen

    def draw(self, principal: str) -> Op:
        """Return the next call of a client."""
        kinds = list(self.weights)
        kind = self.chance.choices(kinds, list(self.weights.values()))[0]
        if not self.seen and kind not in {"tokenize", "note"}:
            kind = "tokenize"
        self._drawn += 1
        op: Op = getattr(self, f"_{kind}")(principal)
        if op.marked and op.kind != "unstorable":
            self._sent.append(op)
        return op

    def _op(
        self, kind: str, tenant: str, principal: str, intent: Any, expect: Expect, **rest: Any
    ) -> Op:
        return Op(self._drawn, kind, tenant, principal, intent, expect, **rest)

    def _marked(self, kind: str, tenant: str, principal: str, intent: Any, expect: Expect) -> Op:
        name = f"r-{self._drawn}"
        return self._op(
            kind, tenant, principal, intent, expect, request_id=name, body=name.encode()
        )

    def _any(self) -> Seen:
        return self.seen[int(self.chance.random() ** 1.5 * len(self.seen)) - 1]

    def _tokenize(self, principal: str) -> Op:
        pick = self.chance.choice
        tenant, customer = pick(TENANTS), pick(("", "c-1", "c-1", "c-2"))
        which, expiry = self.chance.randint(1, NUMBERS), pick(EXPIRIES)
        ttl = pick((0, 0, 0, 0, 2 * DAY_US))
        on_existing = pick(("RETURN", "RETURN", "UPDATE", "NEW"))
        intent = bench.new_card(
            number(which), expiry=expiry, customer=customer, ttl_us=ttl, on_existing=on_existing
        )

        def expect(model: Model, fact: Fact) -> Verdict:
            now = fact.time
            may_find = customer and not ttl and on_existing != "NEW"
            found = model.found(tenant, customer, which, now) if may_find else None
            if found is None:
                if fact.token in model.cards:
                    return Verdict("a card of its own")
                model.cards[fact.token] = Modelled(
                    tenant,
                    fact.token,
                    customer,
                    now,
                    now + ttl if ttl else 0,
                    "Jane Doe",
                    [Kept(which, expiry)],
                )
                return Verdict("ok", fact.token)
            kept = found.now_kept
            confirms = kept.unconfirmed and expiry == kept.expiry
            if on_existing == "UPDATE" and (confirms or expiry > kept.expiry):
                model.edit(found, now, 0, 0, expiry)
            return Verdict("ok", found.token, created=False)

        return self._marked("tokenize", tenant, principal, intent, expect)

    def _edit(self, principal: str) -> Op:
        seen = self._any()
        which = self.chance.choice((0, 1, 2, 3, NUMBERS))
        expiry = self.chance.choice((0, *EXPIRIES))
        revision = self.chance.choice((0, 0, 0, seen.revision, seen.revision + 1))
        fields: dict[str, Any] = {"number": which} if which else {}
        fields |= {"expiry": expiry} if expiry else {}
        intent = bench.edit(seen.token, revision, **(fields or {"metadata": (("k", "v"),)}))

        def expect(model: Model, fact: Fact) -> Verdict:
            card = _card(model, seen.tenant, seen.token)
            if card is None:
                return Verdict("CARD_NOT_FOUND")
            return Verdict(model.edit(card, fact.time, revision, which, expiry), seen.token)

        return self._marked("edit", seen.tenant, principal, intent, expect)

    def _status(self, principal: str) -> Op:
        seen = self._any()
        status = self.chance.choice(("", "ACTIVE", "CLOSED", "NEEDS_CARDHOLDER"))
        intent = SetStatus(seen.token, 0, Status(status) if status else None)
        return self._set(seen, principal, intent, status, None)

    def _hold(self, principal: str) -> Op:
        seen = self._any()
        placed = self.chance.random() < 0.6
        none: frozenset[Hold] = frozenset()
        intent = SetStatus(
            seen.token, 0, None, LEGAL if placed else none, none if placed else LEGAL
        )
        return self._set(seen, principal, intent, "", placed)

    def _set(
        self, seen: Seen, principal: str, intent: SetStatus, status: str, legal: bool | None
    ) -> Op:
        def expect(model: Model, fact: Fact) -> Verdict:
            card = model.cards[seen.token]
            return Verdict(model.set_status(card, fact.time, status, legal), seen.token)

        return self._marked("status", seen.tenant, principal, intent, expect)

    def _delete(self, principal: str) -> Op:
        seen = self._any()
        grace = self.chance.choice((0, DAY_US, 40 * DAY_US))

        def expect(model: Model, fact: Fact) -> Verdict:
            return Verdict(model.delete(model.cards[seen.token], fact.time, grace), seen.token)

        intent = DeleteCard(seen.token, 0, grace)
        return self._marked("delete", seen.tenant, principal, intent, expect)

    def _undelete(self, principal: str) -> Op:
        seen = self._any()

        def expect(model: Model, fact: Fact) -> Verdict:
            return Verdict(model.undelete(model.cards[seen.token], fact.time), seen.token)

        return self._marked("undelete", seen.tenant, principal, UndeleteCard(seen.token, 0), expect)

    def _reveal(self, principal: str) -> Op:
        seen = self._any()
        version = self.chance.choice((0, 0, 0, self.chance.randint(1, seen.versions)))
        # Whose it is not, may not even learn that it is there.
        tenant = self.chance.choice((seen.tenant,) * 9 + TENANTS)
        intent = bench.look(seen.token, credential_version=version, superseded_too=True)

        def expect(model: Model, fact: Fact) -> Verdict:
            card = _card(model, tenant, seen.token)
            if card is None:
                return Verdict("CARD_NOT_FOUND")
            shown = model.reveal(card, fact.time, bench.EVERY_STATUS, version)
            if isinstance(shown, str):
                return Verdict(shown)
            at = version or len(card.versions)
            return Verdict("ok", seen.token, kept=shown, version=at)

        return self._op("reveal", tenant, principal, intent, expect)

    def _answer(self, principal: str) -> Op:
        if self._answers and self.chance.random() < 0.15:
            update_id, seen, asked, said, event = self.chance.choice(self._answers)
        else:
            update_id, seen = f"u-{self._drawn}", self._any()
            asked = max(1, seen.versions - self.chance.choice((0, 0, 1)))
            outcome = self.chance.choice(
                ("PAN_UPDATED", "PAN_UPDATED", "EXPIRY_UPDATED", "CLOSED", "CONTACT_CARDHOLDER")
            )
            which = self.chance.randint(1, NUMBERS) if outcome == "PAN_UPDATED" else 0
            expiry = self.chance.choice(EXPIRIES) if outcome == "EXPIRY_UPDATED" else 0
            said, event = Answer(outcome, which, expiry), self.chance.randint(1, 40)
            self._answers.append((update_id, seen, asked, said, event))
        intent = bench.answer(
            seen.token,
            UpdateOutcome(said.outcome),
            asked=asked,
            number=number(said.number) if said.number else None,
            expiry=said.expiry,
            event=event,
            update_id=update_id,
            file="",
        )

        def expect(model: Model, fact: Fact) -> Verdict:
            card = model.cards[seen.token]
            return Verdict(model.answer(card, fact.time, update_id, asked, said, event), seen.token)

        return self._op("answer", seen.tenant, principal, intent, expect)

    def _reuse(self, principal: str) -> Op:
        """Send an id that another call of this client's has had."""
        mine = [op for op in self._sent if op.principal == principal and not op.again]
        op = self._edit(principal)
        same = [each for each in mine if each.tenant == op.tenant]
        if same:
            op.request_id, op.again = self.chance.choice(same).request_id, True
        return op

    def _unstorable(self, principal: str) -> Op:
        """Send what no database takes: it may fail nobody else."""
        op = self._edit(principal)
        op.kind, op.request_id = "unstorable", f"\ud800{self._drawn}"
        return op

    def _note(self, principal: str) -> Op:
        intent = Note("card.reveal", "refused", "PERMISSION_DENIED")

        def expect(_model: Model, _fact: Fact) -> Verdict:
            return Verdict("PERMISSION_DENIED")

        return self._op("note", self.chance.choice(TENANTS), principal, intent, expect)
