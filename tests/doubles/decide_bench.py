"""Flushes decided and written one by one, over the store in memory, with the rows to look at."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from hashlib import shake_256
from itertools import count
from typing import Any, NamedTuple, TypeVar

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan
from cards.testcards import test_pan as digits_of
from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ledger import CHAIN, TENANT, encode_event, keys_of, pan
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.crypto.keys import TenantKeys
from vault.domain.card import Card, CardKey, StoredCredential, Times
from vault.domain.contents import Contents
from vault.domain.intents import (
    AddCard,
    ApplyByNumber,
    ApplyUpdate,
    Caller,
    EditCard,
    Entry,
    Intent,
    ReleaseParked,
    RequestMark,
    Reveal,
)
from vault.domain.outcome import Applied, Outcome, Refused, Replayed
from vault.domain.reasons import Reason
from vault.domain.results import (
    CardResult,
    NumberUpdateResult,
    Revealed,
    TokenizeResult,
    UpdateResult,
)
from vault.usecases.decide.context import Rules
from vault.usecases.decide.decider import Decider, Envelope
from vault.usecases.decide.wants import wants_of
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.reading import read_all

T = TypeVar("T")
SHOP = "shop"
DAY_US = 86_400_000_000
COVERED = StoredCredential(SHOP, "RECURRING", "MERCHANT", 1, "ref", 0, (("VISA", "nti-1"),))
EVERY_STATUS = frozenset({"ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"})
_ids = count(1)


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but its turn; no event loop is needed."""
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            value: T = done.value
            return value


def entry_of(
    intent: Intent,
    request_id: str = "",
    *,
    body: bytes = b"",
    tenant: str = TENANT,
    principal: str = "spiffe://test/app",
) -> Entry:
    """Wrap an intent; with a request id, its body stands for the request."""
    mark = RequestMark(request_id, body) if request_id else None
    return Entry(Caller(tenant, principal, "10.0.0.1"), intent, mark)


def new_card(
    number: int | Pan = 1,
    *,
    expiry: int = 203105,
    name: str = "Jane Doe",
    **fields: Any,
) -> AddCard:
    """Return a Tokenize of a test number's counter, covered for updates at the shop."""
    contents = Contents(
        number if isinstance(number, Pan) else pan(number),
        Expiry.from_int(expiry) if expiry else None,
        name,
    )
    return AddCard(contents, **({"stored_credentials": (COVERED,)} | fields))


def edit(token: str, revision: int = 0, **fields: Any) -> EditCard:
    """Return an UpdateCard of number (a counter), expiry, name, address or any other field."""
    masks = {
        "number": "card.number",
        "expiry": "card.expiry",
        "cardholder_name": "card.cardholder_name",
        "billing_address": "card.billing_address",
    }
    values = dict(fields)
    number = values.pop("number", None)
    return EditCard(
        token,
        revision,
        frozenset(masks.get(name, name) for name in fields),
        pan=None if number is None else pan(number),
        **values,
    )


def look(token: str, **fields: Any) -> Reveal:
    """Return a reveal that is allowed in every status."""
    return Reveal(token, "payment", **({"allowed": EVERY_STATUS} | fields))


def answer(
    token: str,
    outcome: UpdateOutcome,
    *,
    asked: int = 1,
    number: int | Pan | None = None,
    expiry: int = 0,
    event: int = 0,
    file_time: int = 0,
    asked_time: int = 1,
    update_id: str = "",
    merchant: str = SHOP,
    file: str = "f-1",
    dry_run: bool = False,
    number_unusable: bool = False,
) -> ApplyUpdate:
    """Return an updater's answer about version `asked`; times as they are compared."""
    return ApplyUpdate(
        update_id=update_id or f"update-{next(_ids)}",
        token=token,
        asked_version=asked,
        merchant_account=merchant,
        outcome=outcome,
        new_pan=pan(number) if isinstance(number, int) else number,
        new_expiry=expiry,
        times=Times(event, file_time, asked_time),
        channel="cyb",
        file=file,
        record="1",
        raw_code="NAN",
        dry_run=dry_run,
        number_unusable=number_unusable,
    )


def by_number(asked: int | Pan, outcome: UpdateOutcome, **fields: Any) -> ApplyByNumber:
    """Return an updater's answer about a number (a counter); fields as of `answer`."""
    said = replace(answer("", outcome, **fields), asked_version=0, by_number=True)
    return ApplyByNumber(pan(asked) if isinstance(asked, int) else asked, said)


def mastercard(number: int) -> Pan:
    """Return a Mastercard test number."""
    return Pan(digits_of(Brand.MASTERCARD, number))


class Draws:
    """Random bytes that never repeat and are the same in every run; others with another salt."""

    def __init__(self, salt: bytes = b"") -> None:
        self._drawn = 0
        self._salt = salt

    def __call__(self, size: int) -> bytes:
        self._drawn += 1
        return shake_256(self._salt + self._drawn.to_bytes(8, "big")).digest(size)


class DecideBench:
    """Read, decide, write, one flush a call; no queue, no loop, no retries."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.tables = Tables()
        self.engine = engine_over(self.tables)
        self.clock = FakeClock()
        self.decider = Decider(encode_event, rules or Rules())
        self.delta: Delta  # of the last flush
        self.random = Draws()
        self.keys: dict[str, TenantKeys] = {}  # of tenants that have others than `keys_of`

    def flush(self, *entries: Entry) -> list[Outcome]:
        """Flush entries together."""
        tenants = {entry.caller.tenant for entry in entries}
        keys = {tenant: self.keys.get(tenant) or keys_of(tenant) for tenant in tenants}
        now = self.clock.now_us()
        want = wants_of(entries, keys, now)
        state = drive(read_all(self.engine.store, CHAIN, want, entries, keys))
        envelope = Envelope(now, self.random)
        outcomes, self.delta = self.decider.decide(state, entries, keys, envelope)
        if not self.delta.empty:
            drive(self.engine.store.write(self.delta))
        return outcomes

    def do(self, intent: Intent, request_id: str = "", **fields: Any) -> Outcome:
        """Flush one intent."""
        return self.flush(entry_of(intent, request_id, **fields))[0]

    def card(self, intent: Intent, request_id: str = "", **fields: Any) -> Card:
        """Flush one intent that must succeed; return its card."""
        return card_in(self.do(intent, request_id, **fields))

    def update(self, intent: ApplyUpdate) -> tuple[str, Card | None]:
        """Flush one answer; return its disposition and the card as stored afterwards."""
        outcome = self.do(intent)
        assert isinstance(outcome, Applied), type(outcome).__name__
        assert isinstance(outcome.value, UpdateResult)
        return outcome.value.disposition.value, self.stored(intent.token)

    def by_number(self, asked: int | Pan, outcome: UpdateOutcome, **fields: Any) -> Told:
        """Flush one answer about a number; return what became of it."""
        return told_in(self.do(by_number(asked, outcome, **fields)))

    def release(self) -> int:
        """Flush what the last flush made decidable, and so on; return in how many flushes."""
        flushes = 0
        while self.delta.due:
            due = list(self.delta.due)
            self.flush(*[entry_of(ReleaseParked(mac), tenant=tenant) for tenant, mac in due])
            flushes += 1
        return flushes

    def parked(self, tenant: str = TENANT) -> list[str]:
        """Return the update ids of the answers that wait."""
        return sorted(key.update_id for key in self.tables.parked if key.tenant == tenant)

    def reveal(self, token: str, **fields: Any) -> Contents:
        """Reveal a card; `credential_version` for an older one."""
        outcome = self.do(look(token, **fields))
        assert isinstance(outcome, Applied), type(outcome).__name__
        assert isinstance(outcome.value, Revealed)
        return outcome.value.contents

    def stored(self, token: str, tenant: str = TENANT) -> Card | None:
        """Return a card as it is stored."""
        return self.tables.cards.get(CardKey(tenant, token))

    def records(self) -> list[Mapping[str, Any]]:
        """Return the audit records, in order."""
        return [json.loads(row.record) for _key, row in sorted(self.tables.audit.items())]

    def pointers(self) -> list[str]:
        """Return the tokens that Tokenize may find."""
        return sorted(self.tables.existing.values())

    def events(self, token: str) -> list[tuple[int, str]]:
        """Return a card's events: revision and type."""
        rows = sorted(self.tables.outbox.items())
        return [(row.revision, row.type) for _key, row in rows if row.token == token]


class Told(NamedTuple):
    """What became of an answer by number: in short, and of each card by its token."""

    disposition: str
    cards: dict[str, str]
    reason: str = ""


def told_in(outcome: Outcome) -> Told:
    """Return what became of an answer by number."""
    assert isinstance(outcome, Applied), type(outcome).__name__
    value = outcome.value
    assert isinstance(value, NumberUpdateResult)
    cards = {each.card.token: each.disposition.value for each in value.cards if each.card}
    reason = value.reason.value if value.disposition == "REJECTED" else ""
    return Told(value.disposition.value, cards, reason)


def card_in(outcome: Outcome) -> Card:
    """Return the card in an outcome; anything but success fails the test by its type's name."""
    assert isinstance(outcome, Applied | Replayed), type(outcome).__name__
    assert isinstance(outcome.value, TokenizeResult | CardResult)
    return outcome.value.card


def refusal(outcome: Outcome) -> Reason:
    """Return why an outcome was refused."""
    assert isinstance(outcome, Refused), type(outcome).__name__
    return outcome.reason
