"""A ledger as the server wires it, over any store, with keys that need no KMS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from cards.brands import Brand
from cards.expiry import Expiry
from cards.pan import Pan
from cards.testcards import test_pan as digits_of
from tests.doubles.clocks import FakeClock
from vault.adapters.engine import Engine
from vault.crypto.blob import RecordKey
from vault.crypto.keys import TenantKeys
from vault.crypto.mac import MacKey
from vault.domain.card import Card, Kind
from vault.domain.contents import Contents
from vault.domain.events import CardEvent, OutboxRow
from vault.domain.intents import (
    AddCard,
    Caller,
    EditCard,
    Entry,
    Intent,
    RequestMark,
    Reveal,
)
from vault.domain.outcome import Applied, Outcome, Replayed
from vault.domain.results import CardResult, TokenizeResult
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger, Limits
from vault.usecases.ledger.phases import NO_PHASES, Phases
from vault.usecases.ports import Keyring, Store

TENANT = "demo"
CHAIN = "chn_test"
_ids = count(1)


def pan(number: int) -> Pan:
    """Return the test number of a counter."""
    return Pan(digits_of(Brand.VISA, number))


def keys_of(tenant: str) -> TenantKeys:
    """Return keys that depend on the tenant's name only."""

    def secret(purpose: bytes) -> bytes:
        return (purpose + tenant.encode()).ljust(32, b".")[:32]

    record = RecordKey(b"record-1", secret(b"record"))
    return TenantKeys(
        tenant,
        record,
        {record.key_id: record},
        (MacKey(b"finger-1", secret(b"finger")),),
        (MacKey(b"reques-1", secret(b"request")),),
        MacKey(b"cursor-1", secret(b"cursor")),
        record,
    )


class WarmKeyring:
    """Every tenant's keys are there at once."""

    def __init__(self) -> None:
        self._keys: dict[str, TenantKeys] = {}

    def peek(self, tenant: str) -> TenantKeys | None:
        return self._warm(tenant)

    async def warm(self, tenant: str) -> TenantKeys:
        return self._warm(tenant)

    def _warm(self, tenant: str) -> TenantKeys:
        keys = self._keys.get(tenant)
        if keys is None:
            keys = self._keys[tenant] = keys_of(tenant)
        return keys


class ColdKeyring:
    """Keys of the tenants in `cold` come only when `kms` says so."""

    def __init__(self, cold: str) -> None:
        self.cold = cold
        self.kms = asyncio.Event()
        self.warmed = 0

    def peek(self, tenant: str) -> TenantKeys | None:
        return None if tenant == self.cold and not self.kms.is_set() else keys_of(tenant)

    async def warm(self, tenant: str) -> TenantKeys:
        self.warmed += 1
        await self.kms.wait()
        return keys_of(tenant)


def encode_event(event: CardEvent) -> OutboxRow:
    """Encode an event as JSON."""
    card = event.card
    payload = json.dumps({"type": event.type, "status": card.status, "old": event.old_fingerprint})
    return OutboxRow(card.tenant, card.token, card.revision, event.type.value, payload.encode())


def entry(
    intent: Intent, *, tenant: str = TENANT, request_id: str = "", body: bytes = b""
) -> Entry:
    """Wrap an intent; with a request id, its body stands for the request."""
    mark = RequestMark(request_id, body) if request_id else None
    return Entry(Caller(tenant, "spiffe://test/app", "10.0.0.1"), intent, mark)


def add(
    number: int,
    *,
    customer: str = "",
    name: str = "Jane Doe",
    tenant: str = TENANT,
    request_id: str = "",
    on_existing: str = "RETURN",
) -> Entry:
    """Return the entry that tokenizes the test number of a counter."""
    contents = Contents(pan(number), Expiry(2031, 5), name)
    intent = AddCard(contents, Kind.FPAN, customer=customer, on_existing=on_existing)
    return entry(
        intent,
        tenant=tenant,
        request_id=request_id or f"request-{next(_ids)}",
        body=ascii((number, customer, name)).encode(),
    )


def renumber(token: str, number: int, *, revision: int = 0) -> Entry:
    """Return the entry that gives a card another number."""
    intent = EditCard(token, revision, frozenset({"card.number"}), pan=pan(number))
    return entry(intent, request_id=f"request-{next(_ids)}")


def rename(token: str, name: str, *, revision: int = 0) -> Entry:
    """Return the entry that changes the cardholder's name."""
    mask = frozenset({"card.cardholder_name"})
    return entry(
        EditCard(token, revision, mask, cardholder_name=name), request_id=f"request-{next(_ids)}"
    )


def reveal(token: str, *, tenant: str = TENANT) -> Entry:
    """Return the entry that reveals a card."""
    statuses = frozenset({"ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"})
    return entry(Reveal(token, "payment", statuses), tenant=tenant)


@asynccontextmanager
async def running(
    engine: Engine,
    *,
    store: Store | None = None,
    keyring: Keyring | None = None,
    clock: FakeClock | None = None,
    limits: Limits | None = None,
    chain: str = CHAIN,
    broken: Callable[[BaseException], None] = lambda _error: None,
    at_fault: Callable[[str, str], None] = lambda _intent, _kind: None,
    phases: Phases = NO_PHASES,
) -> AsyncIterator[GroupCommitLedger]:
    """Run a ledger until the block ends; what is in its line by then is flushed."""
    clock = clock or FakeClock()
    ledger = GroupCommitLedger(
        store=store or engine.store,
        reader=engine.reader,
        keyring=keyring or WarmKeyring(),
        decider=Decider(encode_event),
        chain=chain,
        now_us=clock.now_us,
        limits=limits or Limits(),
        broken=broken,
        at_fault=at_fault,
        phases=phases,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ledger.run())
        try:
            yield ledger
        finally:
            ledger.close()


def card_of(outcome: Outcome) -> Card:
    """Return the card in an outcome; anything but success fails the test by its type's name."""
    assert isinstance(outcome, Applied | Replayed), type(outcome).__name__
    assert isinstance(outcome.value, TokenizeResult | CardResult)
    return outcome.value.card


async def tokenize(ledger: GroupCommitLedger, *entries: Entry) -> list[Card]:
    """Apply entries that must all succeed; return their cards."""
    return [card_of(outcome) for outcome in await ledger.apply(entries)]


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    """Name the outcomes' types: what a test may print."""
    return [type(outcome).__name__ for outcome in outcomes]


async def records(engine: Engine, chain: str = CHAIN) -> list[Mapping[str, object]]:
    """Return a chain's audit records, parsed."""
    rows = await engine.audit.chain_records(chain, 0, 10_000)
    return [json.loads(row.record) for row in rows]
