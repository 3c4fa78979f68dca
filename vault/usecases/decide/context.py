"""What a decision may look at, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vault.crypto.keys import TenantKeys
from vault.domain.audit import ChainHead
from vault.domain.card import Card, CardKey, Status, Version
from vault.domain.events import EventType
from vault.domain.imprint import ImprintKey, Left
from vault.domain.intents import ApplyUpdate, Entry
from vault.domain.outcome import Refused
from vault.domain.parked import ParkedKey, ParkedRow
from vault.domain.reasons import Reason
from vault.domain.soundness import must_be_sound
from vault.usecases.decide.refusals import Refusals
from vault.usecases.ledger.state import NumberKey, State


@dataclass(slots=True, frozen=True)
class Rules:
    """What the operator decides for all cards; microseconds."""

    superseded_retention_us: int = 180 * 86_400_000_000
    closed_or_contact_closes: bool = False
    parked_retention_us: int = 10 * 86_400_000_000
    parked_per_day: int = 10_000  # of one tenant and channel


@dataclass(slots=True, frozen=True)
class Context:
    """State, time, randomness and unwrapped keys, handed in: a decision asks for nothing else."""

    state: State
    now: int
    random: Callable[[int], bytes]
    keys: Mapping[str, TenantKeys]
    rules: Rules = field(default_factory=Rules)
    refusals: Refusals = field(default_factory=Refusals)
    # Cards to which an entry of this flush gave a number, by tenant and fingerprint.
    bearers: dict[tuple[str, str], list[CardKey]] = field(default_factory=dict)

    def card_or_tombstone(self, entry: Entry) -> Card | Refused:
        """Return the entry's card whatever its status, or the refusal that it is not there.

        Raises VaultError(DATA_CORRUPT): nothing is decided, or recorded, on a damaged card.
        """
        key = entry.card_key
        card = self.state.cards.get(key) if key is not None else None
        if card is None:
            return Refused(Reason.CARD_NOT_FOUND, "token")
        must_be_sound(card)
        return card

    def live_card_or_closed(self, entry: Entry) -> Card | Refused:
        """Return the entry's card unless it is deleted or past its time to live."""
        card = self.card_or_tombstone(entry)
        if isinstance(card, Card) and card.status_at(self.now) == Status.DELETED:
            return Refused(Reason.CARD_DELETED, "token")
        return card


def at_revision(card: Card | Refused, expected: int) -> Card | Refused:
    """Return the card, or the refusal that it has another revision; 0 is not compared."""
    if isinstance(card, Card) and expected and expected != card.revision:
        return Refused(Reason.REVISION_CONFLICT, "expected_revision")
    return card


@dataclass(slots=True)
class Decision:
    """An entry that succeeds: its answer and all its rows. Applied by `Decider` in one step."""

    action: str
    value: Any
    token: str = ""
    before: Card | None = None
    after: Card | None = None  # its revision is already the new one
    relied: Sequence[Card] = ()  # not changed, and yet to be as they are when this is written
    superseded: Version | None = None
    numbers: dict[NumberKey, str] = field(default_factory=dict)
    dropped_versions: Sequence[tuple[str, str, int]] = ()
    dropped_numbers: Sequence[tuple[NumberKey, str]] = ()
    ended_chains: tuple[ChainHead, ...] = ()
    parked: dict[ParkedKey, ParkedRow | None] = field(default_factory=dict)  # None: it goes
    due: list[NumberKey] = field(default_factory=list)  # whose parked answers are now decidable
    event: EventType | None = None
    cause: str = ""
    source: str = ""
    said: str = ""  # a network's outcome, for the event
    purpose: str = ""
    note: str = ""
    result: str = "ok"
    reason: str = ""
    outcome: str = ""  # the request record's JSON
    applied: tuple[str, str] | None = None  # update id, disposition
    answer: ApplyUpdate | None = None  # a network's, and what follows is not
    left: Left | None = None  # a person's word that made no version and is to stand
    undone: dict[ImprintKey, tuple[str, str]] = field(default_factory=dict)  # was, is
    drops_imprints: bool = False  # all of the card's
    record_request: bool = True


class Look(NamedTuple):
    """An entry that succeeds and changes nothing: its answer, and what is recorded of it."""

    action: str
    value: Any
    token: str = ""
    purpose: str = ""
    note: str = ""


@dataclass(slots=True, frozen=True)
class Fan:
    """An entry about several cards: each decision is taken when the one before is in the state.

    What one of them raises is that card's: so they answer everything and raise nothing.
    """

    decisions: Iterator[Decision]
    value: Callable[[], Any]  # the entry's answer, once all are taken


Verdict = Decision | Look | Refused

_ENCODE = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def outcome_text(**fields: Any) -> str:
    """Return a request record's outcome."""
    return _ENCODE(fields)
