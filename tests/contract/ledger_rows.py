"""Rows and deltas for tests that talk to a store without a ledger."""

from __future__ import annotations

from typing import Any

from tests.doubles.vault_ledger import CHAIN, TENANT
from vault.adapters.engine import Engine
from vault.domain.audit import AuditFacts, link
from vault.domain.card import Card, CardKey, ExistingKey, Version
from vault.domain.events import OutboxRow
from vault.domain.imprint import Imprint, ImprintKey
from vault.domain.parked import ParkedChange, ParkedKey, ParkedRow
from vault.usecases.ledger.delta import CardChange, Delta
from vault.usecases.ledger.state import NumberKey, RequestRecord, Want


def a_card(token: str, **changes: Any) -> Card:
    """Return a card's row; its contents are not really sealed."""
    card = Card(
        tenant=TENANT,
        token=token,
        revision=1,
        credential_version=1,
        kind="FPAN",
        token_format="OPAQUE",
        status="ACTIVE",
        status_before="",
        brand="VISA",
        bin="",
        last4="",
        expiry=203105,
        expiry_unconfirmed=False,
        fingerprint=f"fp_{token}",
        customer="",
        create_time=1_000,
        update_time=1_000,
        expire_time=0,
        purge_time=0,
        sealed=b"sealed",
        sealed_revision=1,
        version_cause="CARDHOLDER",
        version_source="",
        version_time=1_000,
        event_time=0,
        file_time=0,
        asked_time=0,
        holds="",
        stored_credentials="",
        metadata="",
        details="",
    )
    return card._replace(**changes)


def a_version(token: str, number: int, **changes: Any) -> Version:
    """Return a superseded version's row."""
    version = Version(
        tenant=TENANT,
        token=token,
        credential_version=number,
        brand="VISA",
        bin="",
        last4="",
        expiry=203105,
        fingerprint=f"fp_{token}_{number}",
        cause="NETWORK",
        source="test",
        create_time=1_000,
        superseded_time=2_000,
        purge_time=3_000,
        event_time=0,
        file_time=0,
        asked_time=0,
        sealed=b"sealed",
        sealed_revision=1,
    )
    return version._replace(**changes)


def a_request(request_id: str, create_time: int = 1_000) -> RequestRecord:
    """Return a request's row."""
    return RequestRecord(TENANT, "app", request_id, b"key", b"mac", "", "", create_time)


def a_number(name: str) -> NumberKey:
    """Return a number's key."""
    return NumberKey(TENANT, name.encode().ljust(32, b"."))


def a_pointer(name: str) -> ExistingKey:
    """Return a pointer's key."""
    return ExistingKey(TENANT, f"fp_{name}", "anna", "FPAN", "OPAQUE")


def an_event(token: str, revision: int = 1) -> OutboxRow:
    """Return an event's row."""
    return OutboxRow(TENANT, token, revision, "cardvault.card.stored", b"event")


def a_parked(update_id: str, number: str = "n", **changes: Any) -> ParkedRow:
    """Return a parked answer's row; what it holds is not really sealed."""
    row = ParkedRow(
        tenant=TENANT,
        update_id=update_id,
        mac=a_number(number).mac,
        channel="cyb",
        file="f-1",
        day=20_000,
        time=1_000,
        look_time=2_000,
        purge_time=9_000,
        sealed=b"sealed",
    )
    return row._replace(**changes)


def parking(*rows: ParkedRow) -> dict[ParkedKey, ParkedChange]:
    """Return the changes that park answers."""
    return {row.key: ParkedChange(None, row) for row in rows}


def an_imprint(token: str, revision: int = 2, **changes: Any) -> Imprint:
    """Return what an answer left on a card."""
    imprint = Imprint(
        tenant=TENANT,
        token=token,
        revision=revision,
        update_id="update-1",
        source="cyb/f-1",
        version_before=1,
        version_after=2,
        kept='{"account":true,"status":"ACTIVE"}',
        undone="",
        time=1_000,
    )
    return imprint._replace(**changes)


def left(*imprints: Imprint) -> dict[ImprintKey, Imprint]:
    """Return imprints as a delta adds them."""
    return {imprint.key: imprint for imprint in imprints}


def added(*cards: Card) -> dict[CardKey, CardChange]:
    """Return the changes that add cards."""
    return {card.key: CardChange(0, card) for card in cards}


def numbers_of(*cards: Card) -> dict[NumberKey, str]:
    """Return the index rows of cards that are new, one number each."""
    return {
        a_number(card.fingerprint)._replace(tenant=card.tenant): card.fingerprint for card in cards
    }


def facts(**changes: Any) -> AuditFacts:
    """Return what an audit record says."""
    plain = AuditFacts(TENANT, "app", "", "card.tokenize", "ok")
    return plain._replace(**changes)


async def next_delta(
    engine: Engine, *, chain: str = CHAIN, time: int = 1_000, said: AuditFacts | None = None
) -> Delta:
    """Return a delta at a chain's present head that holds one audit record, and nothing else."""
    state = await engine.store.read(chain, Want())
    row, head = link(state.head, time, said or facts())
    return Delta(base_head=state.head, control=state.control, head=head, audit=[row])


async def write(engine: Engine, *, chain: str = CHAIN, time: int = 1_000, **rows: Any) -> Delta:
    """Write a delta with these rows, and one audit record."""
    delta = await next_delta(engine, chain=chain, time=time)
    for name, value in rows.items():
        setattr(delta, name, value)
    await engine.store.write(delta)
    return delta


async def add_cards(engine: Engine, *cards: Card) -> None:
    """Store cards, each with a number of its own."""
    new = [card for card in cards if card.fingerprint]
    await write(engine, cards=added(*cards), numbers=numbers_of(*new))
