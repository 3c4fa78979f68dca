"""A process of its own that asks the vault over its API: `python -m tools.demo.checker`.

One job comes in on stdin and its answer leaves on stdout, both JSON. It is given what clients
believe, opens no file of the vault's, and so its answers rest on the API alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
from cardvault.vault.v1.audit_service_pb2 import ListAuditRecordsRequest
from cardvault.vault.v1.audit_service_pb2_grpc import AuditServiceStub
from cardvault.vault.v1.card_pb2 import Brand, Card, CardStatus
from cardvault.vault.v1.reveal_service_pb2 import (
    BatchDetokenizeRequest,
    DetokenizeRequest,
    FindByNumberRequest,
)
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2 import (
    BatchGetCardsRequest,
    BatchTokenizeRequest,
    TokenizeRequest,
)
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.channel import open_channel
from chassis.tls import TlsFiles
from vault.cli.importing import reason_of

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.vault.v1.audit_service_pb2_grpc import AuditServiceAsyncStub
    from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceAsyncStub
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

_BATCH: Final = 500
Answer = dict[str, Any]


class Checker:
    """Asks as the demo's identities; every call waits 30 s at most."""

    def __init__(self, app: grpc.aio.Channel, psp: grpc.aio.Channel, op: grpc.aio.Channel) -> None:
        self._vault: Final[VaultServiceAsyncStub] = VaultServiceStub(app)
        self._reveal: Final[RevealServiceAsyncStub] = RevealServiceStub(psp)
        self._reveal_as_app: Final[RevealServiceAsyncStub] = RevealServiceStub(app)
        self._audit: Final[AuditServiceAsyncStub] = AuditServiceStub(op)

    async def reveals(self, job: Mapping[str, Any]) -> Answer:
        """Reveal each token and compare: `cards` are [token, number, month, year]."""
        wrong = 0
        for part in _parts(job["cards"]):
            tokens = [token for token, *_ in part]
            request = BatchDetokenizeRequest(tokens=tokens, purpose="payment")
            response = await self._reveal.BatchDetokenize(request, timeout=30)
            for (_, number, month, year), result in zip(part, response.results, strict=True):
                card = result.response.card
                found = (card.number, card.expiry_month, card.expiry_year)
                wrong += found != (number, month, year)
        return {"checked": len(job["cards"]), "wrong": wrong}

    async def denied(self, job: Mapping[str, Any]) -> Answer:
        """Try to reveal as the application, which may not."""
        request = DetokenizeRequest(token=job["token"], purpose="payment")
        try:
            await self._reveal_as_app.Detokenize(request, timeout=30)
        except grpc.aio.AioRpcError as error:
            return {"code": error.code().name}
        return {"code": "OK"}

    async def effects(self, job: Mapping[str, Any]) -> Answer:
        """Look for lost and doubled effects: `attempts` are [request_id, customer, number, token].

        Each request is sent again under its id, and each number's holders are counted.
        """
        replayed, single = 0, 0
        for part in _parts(job["attempts"]):
            requests = [
                _tokenize(request_id, customer, number, job)
                for request_id, customer, number, _ in part
            ]
            stored = await self._vault.BatchTokenize(
                BatchTokenizeRequest(requests=requests), timeout=30
            )
            numbers = FindByNumberRequest(numbers=[a[2] for a in part], purpose="dispute")
            found = await self._reveal.FindByNumber(numbers, timeout=30)
            for (*_, token), again, held in zip(part, stored.results, found.results, strict=True):
                replayed += again.response.card.token == token and again.response.created
                single += [each.token for each in held.response.holders] == [token]
        return {"checked": len(job["attempts"]), "replayed": replayed, "single": single}

    async def cards(self, job: Mapping[str, Any]) -> Answer:
        """Return each token's card: masked for the application, revealed for `purpose`."""
        found: list[Answer] = []
        for part in _parts(job["tokens"]):
            masked = await self._vault.BatchGetCards(BatchGetCardsRequest(tokens=part), timeout=30)
            request = BatchDetokenizeRequest(tokens=part, purpose=job["purpose"])
            revealed = await self._reveal.BatchDetokenize(request, timeout=30)
            for card, shown in zip(masked.results, revealed.results, strict=True):
                refused = reason_of(shown.error) if shown.HasField("error") else ""
                number = shown.response.card.number
                found.append({**_masked(card.response.card), "number": number, "refused": refused})
        return {"cards": found}

    async def audited(self, job: Mapping[str, Any]) -> Answer:
        """Count tokens whose reveals (`reveals`: token → how many) the audit does not all have."""
        seen: Counter[str] = Counter()
        page = ""
        while True:
            request = ListAuditRecordsRequest(page_size=1_000, page_token=page)
            response = await self._audit.ListAuditRecords(request, timeout=30)
            seen.update(
                record.token
                for record in response.records
                if record.action == "card.reveal" and record.result == "ok"
            )
            page = response.next_page_token
            if not page:
                break
        missing = sum(seen[token] < count for token, count in job["reveals"].items())
        return {"reveals": sum(seen.values()), "missing": missing}


def _tokenize(
    request_id: str, customer: str, number: str, job: Mapping[str, Any]
) -> TokenizeRequest:
    request = TokenizeRequest(request_id=request_id, customer=customer)
    request.card.number = number
    request.card.expiry_month, request.card.expiry_year = job["month"], job["year"]
    return request


def _masked(card: Card) -> Answer:
    return {
        "token": card.token,
        "status": CardStatus.Name(card.status).removeprefix("CARD_STATUS_"),
        "brand": Brand.Name(card.brand).removeprefix("BRAND_"),
        "bin": card.bin,
        "last4": card.last4,
        "month": card.expiry_month,
        "year": card.expiry_year,
        "revision": card.revision,
        "version": card.credential_version,
    }


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


async def _run(job: Mapping[str, Any]) -> Answer:
    pki = Path(job["pki"])
    channels = [
        open_channel(
            job["address"], TlsFiles(pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key")
        )
        for name in ("app", "psp", "operator")
    ]
    try:
        checker = Checker(*channels)
        jobs: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Answer]]] = {
            "reveals": checker.reveals,
            "denied": checker.denied,
            "effects": checker.effects,
            "cards": checker.cards,
            "audited": checker.audited,
        }
        return await jobs[job["job"]](job)
    finally:
        for channel in channels:
            await channel.close()


def main() -> None:
    """Do the job that stdin describes."""
    print(json.dumps(asyncio.run(_run(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
