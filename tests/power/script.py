"""A seeded script of all that a vault writes: entries of every kind, alone and in large flushes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from cards.outcomes import Outcome as UpdateOutcome
from tests.doubles.decide_bench import DAY_US, answer, by_number, edit, look, new_card
from tests.doubles.vault_ledger import TENANT, pan
from vault.domain.card import Card, CardKey, Hold, HoldType, Status
from vault.domain.intents import (
    AddCard,
    ApplyUpdate,
    Caller,
    DeleteCard,
    DropParked,
    EditCard,
    Entry,
    FindNumber,
    Intent,
    Note,
    NoteDecline,
    RequestMark,
    RevertUpdates,
    SetStatus,
    UndeleteCard,
)
from vault.domain.outcome import Applied, Outcome
from vault.domain.results import CardResult, Disposition, TokenizeResult, UpdateResult

NUMBERS: Final = 400  # as many test numbers go round: some cards share one, most do not
_LEGAL: Final = frozenset({Hold(HoldType.LEGAL_HOLD)})
_TENANTS: Final = (TENANT, TENANT, TENANT, "other")
_EXPIRIES: Final = (203001, 203105, 203206, 203309)
_CHANGES: Final = (
    *[UpdateOutcome.PAN_UPDATED] * 4,
    *[UpdateOutcome.EXPIRY_UPDATED] * 2,
    UpdateOutcome.CLOSED,
    UpdateOutcome.CONTACT_CARDHOLDER,
    UpdateOutcome.OPTED_OUT,
    UpdateOutcome.STOP_RECURRING,
    UpdateOutcome.VALID_NO_CHANGE,
)
ACTS: Final = ("sweep", "deliver", "checkpoint", "keys", "restart", "days")


@dataclass(frozen=True)
class Step:
    """One flush's entries, or one act of the vault's own."""

    entries: tuple[Entry, ...] = ()
    act: str = ""

    @property
    def operations(self) -> int:
        """Return as how much it counts."""
        return len(self.entries) or 1


@dataclass
class Script:
    """Draws steps; hears what came of them, to speak of cards that there are."""

    random: Random
    cards: list[tuple[CardKey, int]] = field(default_factory=list)  # and the version, as heard
    sent: list[Entry] = field(default_factory=list)
    operations: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    files: int = 0

    def step(self) -> Step:
        """Draw the next step."""
        step = self._drawn()
        self.operations += step.operations
        for kind in [type(entry.intent).__name__ for entry in step.entries] or [step.act]:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
        return step

    def _drawn(self) -> Step:
        if self.cards and self.random.random() < 0.16:
            return Step(act=self.random.choices(ACTS, (5, 8, 8, 1, 1, 3))[0])
        size = self.random.choices((1, 2, 5, 12, 40), (50, 20, 10, 4, 1))[0]
        entries = [self._entry(self.operations + at) for at in range(size)]
        return Step(tuple(entries))

    def _entry(self, number: int) -> Entry:
        again = [entry for entry in self.sent[-40:] if entry.mark is not None]
        if again and self.random.random() < 0.04:
            return self.random.choice(again)
        if not self.cards or self.random.random() < 0.4:
            return self._wrapped(number, self.random.choice(_TENANTS), self._new_card())
        key, version = self._a_card()
        return self._wrapped(number, key.tenant, self._about(key, version))

    def _a_card(self) -> tuple[CardKey, int]:
        """Draw a card: mostly one of the last few, so that some have a long history."""
        recent = self.cards[-12:] if self.random.random() < 0.6 else self.cards
        return self.random.choice(recent)

    def _wrapped(self, number: int, tenant: str, intent: Intent) -> Entry:
        mark = None
        if isinstance(intent, AddCard | EditCard | SetStatus | DeleteCard | UndeleteCard):
            mark = RequestMark(f"r-{number}", f"{number}".encode())
        entry = Entry(Caller(tenant, "spiffe://test/app", f"op-{number}"), intent, mark)
        self.sent.append(entry)
        return entry

    def _number(self) -> int:
        return self.random.randint(1, NUMBERS)

    def _new_card(self) -> AddCard:
        draw = self.random
        return new_card(
            self._number(),
            expiry=draw.choice(_EXPIRIES),
            customer=draw.choice(("", "c-1", "c-2", f"c-{draw.randint(3, 60)}")),
            ttl_us=draw.choice((0, 0, 0, 0, 2 * DAY_US)),
            on_existing=draw.choice(("RETURN", "UPDATE", "NEW")),
            metadata=(("order", "x" * draw.choice((1, 1, 1, 30, 900))),),
        )

    def _about(self, key: CardKey, version: int) -> Intent:
        draw, token = self.random, key.token
        kinds: Sequence[tuple[int, Callable[[], Intent]]] = (
            (4, lambda: look(token)),
            (3, lambda: edit(token, number=self._number(), expiry=draw.choice(_EXPIRIES))),
            (2, lambda: edit(token, cardholder_name=f"Jane {draw.randint(1, 99)}")),
            (2, lambda: self._status(token)),
            (1, lambda: NoteDecline(token, "51", 1_700_000_000_000_000)),
            (2, lambda: DeleteCard(token, 0, draw.choice((0, DAY_US, 40 * DAY_US)))),
            (2, lambda: UndeleteCard(token, 0)),
            (1, lambda: FindNumber(pan(self._number()), "fraud")),
            (6, lambda: self._answer(token, version)),
            (3, self._by_number),
            (2, lambda: RevertUpdates(token, self._file())),
            (1, lambda: DropParked(f"u-{draw.randint(1, 3_000)}", self._file())),
            (1, lambda: Note("refusals", "refused", note="PERMISSION_DENIED x3")),
        )
        weights = [weight for weight, _make in kinds]
        return draw.choices([make for _weight, make in kinds], weights)[0]()

    def _status(self, token: str) -> SetStatus:
        status = self.random.choice((None, Status.ACTIVE, Status.CLOSED, Status.NEEDS_CARDHOLDER))
        legal = self.random.random() < 0.2
        return SetStatus(
            token,
            0,
            status,
            place=_LEGAL if legal else frozenset(),
            release=frozenset() if legal else _LEGAL,
        )

    def _file(self) -> str:
        return f"cyb/f-{self.random.randint(0, self.files)}"

    def _said(self) -> tuple[UpdateOutcome, int, int, str]:
        """Draw what an answer says, and its file: a new one now and then."""
        self.files += self.random.random() < 0.1
        outcome = self.random.choice(_CHANGES)
        number = self._number() if outcome is UpdateOutcome.PAN_UPDATED else 0
        brings = outcome in {UpdateOutcome.PAN_UPDATED, UpdateOutcome.EXPIRY_UPDATED}
        expiry = self.random.choice(_EXPIRIES) if brings else 0
        return outcome, number, expiry, f"f-{self.files}"

    def _answer(self, token: str, version: int) -> ApplyUpdate:
        outcome, number, expiry, file = self._said()
        return answer(
            token,
            outcome,
            asked=version,
            number=number or None,
            expiry=expiry,
            event=self.operations + 1,
            update_id=f"u-{self.random.randint(1, 3_000)}",
            file=file,
        )

    def _by_number(self) -> Intent:
        outcome, number, expiry, file = self._said()
        return by_number(
            self._number(),
            outcome,
            number=number or None,
            expiry=expiry,
            event=self.operations + 1,
            update_id=f"u-{self.random.randint(1, 3_000)}",
            file=file,
        )

    def hear(self, entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
        """Learn which cards there are, and at which version each is."""
        assert len(entries) == len(outcomes) or not outcomes
        for outcome in outcomes:
            if isinstance(outcome, Applied):
                self._learn(outcome.value)

    def _learn(self, value: object) -> None:
        if isinstance(value, TokenizeResult):
            if value.created:
                self.cards.append((value.card.key, 1))
            return
        applied = isinstance(value, UpdateResult) and value.disposition is Disposition.APPLIED
        card = getattr(value, "card", None) if applied or isinstance(value, CardResult) else None
        if isinstance(card, Card):
            self.cards = [
                (key, card.credential_version if key == card.key else version)
                for key, version in self.cards
            ]
