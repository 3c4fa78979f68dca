"""What the vault shows of its cards once the load is over: over the API, all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

import grpc
import pytest
from cardvault.vault.v1 import audit_service_pb2 as audit_pb
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.card_pb2 import Card
from google.protobuf.message import Message

from tests.e2e.kills.calls import counter_of, status_of
from tests.e2e.kills.client import PURPOSE
from tests.e2e.kills.evidence import Evidence, Record, SeenCard, records_in
from tests.e2e.kills.history import End, History, Reveal
from tests.e2e.kills.stubs import Stubs

SURVEYOR: Final = -1  # its reveals are in the history too: they must be recorded as all others
_PAGE: Final = 1_000
_AT_ONCE: Final = 16
_TRIES: Final = 5


async def survey(stubs: Stubs, history: History) -> Evidence:
    """Read every card that the audit names; reveals them, and adds that to the history."""
    tokens = sorted({record.token for record in await audit_records(stubs) if record.token})
    cards = await _cards(stubs, tokens)
    live = [token for token, card in cards.items() if status_of(card) != "DELETED"]
    numbers = await _numbers(stubs, live, history)
    versions = await _versions(stubs, list(cards))
    evidence = Evidence(records=await audit_records(stubs))
    for token, card in cards.items():
        evidence.cards[token] = SeenCard(
            card.revision,
            card.credential_version,
            status_of(card),
            numbers.get(token, 0),
            card.metadata["tag"],
            card.expiry_year,
            card.customer,
            versions[token],
        )
    return evidence


async def audit_records(stubs: Stubs) -> list[Record]:
    """List the whole audit of the tenant."""
    lines: list[bytes] = []
    request = audit_pb.ListAuditRecordsRequest(page_size=_PAGE)
    while True:
        page = await _asked(stubs, "ListAuditRecords", request)
        lines += [record.record for record in page.records]
        if not page.next_page_token:
            return list(records_in(lines))
        request.page_token = page.next_page_token


async def _cards(stubs: Stubs, tokens: Sequence[str]) -> dict[str, Card]:
    found: dict[str, Card] = {}
    for page in _pages(tokens):
        answer = await _asked(stubs, "BatchGetCards", pb.BatchGetCardsRequest(tokens=page))
        assert not answer.truncated, "a page of cards was cut short"
        for token, result in zip(page, answer.results, strict=True):
            if result.HasField("response"):
                found[token] = result.response.card
    return found


async def _numbers(stubs: Stubs, tokens: Sequence[str], history: History) -> dict[str, int]:
    """Reveal cards; what they should hold is the checker's business, so `wants` is what came."""
    found: dict[str, int] = {}
    for page in _pages(tokens):
        request = reveal_pb.BatchDetokenizeRequest(tokens=page, purpose=PURPOSE)
        answer = await stubs["BatchDetokenize"](request, timeout=30)
        assert not answer.truncated, "a page of reveals was cut short"
        for token, result in zip(page, answer.results, strict=True):
            number = -1
            if result.HasField("response"):
                number = counter_of(result.response.card.number)
            history.reveals.append(Reveal(SURVEYOR, token, "", number, End.DONE, number))
            found[token] = number
    return found


async def _versions(stubs: Stubs, tokens: Sequence[str]) -> dict[str, int]:
    """Count the versions that are listed of each card."""
    found: dict[str, int] = {}
    waiting = iter(tokens)

    async def work() -> None:
        for token in waiting:
            request = pb.ListCardVersionsRequest(token=token, page_size=_PAGE)
            answer = await _asked(stubs, "ListCardVersions", request)
            found[token] = len(answer.versions)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(work())
    return found


async def _asked(stubs: Stubs, method: str, request: Message) -> Any:
    """Read; again, where a connection reached its age meanwhile: these stubs retry nothing."""
    for _ in range(_TRIES):
        try:
            return await stubs[method](request, timeout=30)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            await asyncio.sleep(0.2)
    pytest.fail(f"{method} stays UNAVAILABLE")


def _pages(tokens: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(tokens), _PAGE):
        yield tokens[start : start + _PAGE]
