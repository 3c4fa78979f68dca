"""What the updater's contract suite stores: small, whole, and different where it matters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from cards.brands import Brand
from cards.outcomes import Outcome
from updater.adapters.engine import Bench, Engine
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Credential, Enrolment
from updater.domain.feed import (
    Answer,
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    IncidentState,
)
from updater.domain.inquiry import AskedCard, Inquiry, InquiryState, Question
from updater.usecases.ports_store import RequestMark
from updater.usecases.ports_vault import CredentialPage

TENANT = "demo"
BATCH = "17999999999990000000000001"
SHOP = frozenset({"shop"})


def a_credential(token: str, **changes: Any) -> Credential:
    made = Credential(
        token=token,
        revision=1,
        credential_version=1,
        fpan=True,
        status=CardStatus.ACTIVE,
        brand=Brand.VISA,
        fingerprint=f"fp_{token}",
        expiry=202711,
        covered=SHOP,
    )
    return replace(made, **changes)


async def enrol(engine: Engine, *cards: Credential, tenant: str = TENANT, at: int = 10) -> int:
    """Take in cards as one page of the vault's stream."""
    page = CredentialPage(cards, f"cursor-{at}")
    return await engine.enrolments.sync(tenant, page, enrol=True, at=at)


async def enrolled(engine: Engine, token: str, account: str = "shop") -> Enrolment:
    found = await engine.enrolments.get(TENANT, token, account)
    assert found is not None
    return found


def an_inquiry(batch_id: str = BATCH, **changes: Any) -> Inquiry:
    made = Inquiry(batch_id, "cybersource", TENANT, "shop", "shop", InquiryState.CREATED, 20)
    return replace(made, **changes)


def a_question(reference: str, *tokens: str, version: int = 1) -> Question:
    return Question(reference, tuple(AskedCard(token, version) for token in tokens))


def as_written(inquiry: Inquiry, **changes: Any) -> Inquiry:
    made = replace(
        inquiry,
        state=InquiryState.WRITTEN,
        asked_at=30,
        file_name="shop.csv.pgp",
        sha256="ab" * 32,
        size=400,
        records=2,
    )
    return replace(made, **changes)


def a_mark(request_id: str = "r-1", digest: str = "d1", **changes: Any) -> RequestMark:
    return replace(RequestMark(TENANT, "app", request_id, digest), **changes)


def a_file(feed_id: str = "feed_1", **changes: Any) -> FeedFile:
    made = FeedFile(
        feed_id=feed_id,
        channel="cybersource",
        name=f"{feed_id}.csv.pgp",
        size=900,
        sha256=f"sha-{feed_id}",
        state=FeedState.VALIDATED,
        received_at=40,
        batch_id=BATCH,
        tenant=TENANT,
        records=2,
    )
    return replace(made, **changes)


def an_answer(ordinal: int, token: str, reference: str, **changes: Any) -> Answer:
    made = Answer(
        ordinal=ordinal,
        token=token,
        reference=reference,
        update_id=f"u-{ordinal}",
        outcome=Outcome.PAN_UPDATED,
        raw_code="NAN",
        raw_reason="800",
        disposition=Disposition.APPLIED,
        record_mac=f"mac-{ordinal}",
    )
    return replace(made, **changes)


async def asked(engine: Engine, *questions: Question, batch_id: str = BATCH) -> Inquiry:
    """Bring an inquiry as far as SENT; its questions are kept as they are."""
    inquiry = an_inquiry(batch_id)
    await engine.inquiries.create(inquiry, questions)
    kept = [replace(each, number_mac=f"mac-{each.reference}") for each in questions]
    await engine.inquiries.written(as_written(inquiry), kept, {})
    await engine.inquiries.sent(batch_id, 31)
    found = await engine.inquiries.find(batch_id)
    assert found is not None
    return found


async def incidents(
    engine: Engine | Bench,
    *states: IncidentState,
    tenant: str = "",
    channel: str = "",
    kinds: Collection[ExceptionKind] = (),
    after: int = 0,
    limit: int = 999,
) -> Sequence[Incident]:
    """Return exceptions: all of them, unless something is said."""
    return await engine.incidents.page(
        tenant=tenant, channel=channel, states=states, kinds=kinds, after=after, limit=limit
    )
