"""Load of all kinds of calls, as a customer's services make it: the shipped service config alone.

Nothing here retries. A status that reaches a caller is written down, with the method and gRPC's own
text (which names addresses and causes, never a request).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import grpc
from cardvault import channel_options
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials_pb
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.credential_service_pb2_grpc import CredentialServiceStub
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub
from google.protobuf.field_mask_pb2 import FieldMask

from cards.brands import Brand
from cards.testcards import test_pan
from chassis.tls import channel_credentials
from tools.running.site import Site

DEADLINE_S: Final = 30.0
_PAUSE_S: Final = 0.1  # the machine is shared, and only errors are looked for
_KEPT: Final = 50  # cards that a client goes on with
_NUMBERS: Final = count(1)


@dataclass(slots=True)
class Report:
    """What callers saw."""

    calls: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # answers that are not the right ones
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the time that this share of all calls stayed under."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

    def __str__(self) -> str:
        return (
            f"{self.calls.total()} calls of {len(self.calls)} kinds, {len(self.errors)} errors,"
            f" {len(self.wrong)} wrong answers; p50 {self.percentile(0.5) * 1e3:.1f} ms,"
            f" p99 {self.percentile(0.99) * 1e3:.1f} ms, longest {self.percentile(1) * 1e3:.0f} ms"
        )


@dataclass(slots=True)
class Client:
    """One service: its channels, its cards, its calls, one after the other."""

    app: grpc.aio.Channel
    psp: grpc.aio.Channel
    operator: grpc.aio.Channel
    updater: grpc.aio.Channel
    report: Report
    cards: dict[str, tuple[str, int]] = field(default_factory=dict)  # number and revision

    async def call(self, name: str, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        """Make a call; None: an error was written down."""
        self.report.calls[name] += 1
        began = time.perf_counter()
        try:
            return await method(request, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            self.report.errors.append(f"{name}: {error.code().name} {error.details()}")
            return None
        finally:
            self.report.seconds.append(time.perf_counter() - began)

    async def round(self) -> None:
        """Store a card, and do with it all that can be done."""
        vault = VaultServiceStub(self.app)
        number = test_pan(Brand.VISA, next(_NUMBERS))
        request = pb.TokenizeRequest(request_id=_id(), customer="c")
        request.card.number, request.card.expiry_month, request.card.expiry_year = number, 12, 2031
        stored = await self.call("Tokenize", vault.Tokenize, request)
        if stored is None:
            return
        token, revision = stored.card.token, stored.card.revision
        revision = await self._change(token, revision)
        self.cards[token] = (number, revision)
        await self._read()
        await self._reveal(token, number)
        if len(self.cards) > _KEPT:
            old = next(iter(self.cards))
            del self.cards[old]
            delete = pb.DeleteCardRequest(request_id=_id(), token=old)
            await self.call("DeleteCard", vault.DeleteCard, delete)

    async def _change(self, token: str, revision: int) -> int:
        vault, operator = VaultServiceStub(self.app), VaultServiceStub(self.operator)
        edit = pb.UpdateCardRequest(
            request_id=_id(),
            token=token,
            expected_revision=revision,
            metadata={"tag": str(revision)},
            update_mask=FieldMask(paths=["metadata"]),
        )
        edited = await self.call("UpdateCard", vault.UpdateCard, edit)
        if edited is None:
            return revision
        self._expect(edited.card.revision == revision + 1, "UpdateCard")
        flag = pb.SetCardStatusRequest(
            request_id=_id(),
            token=token,
            expected_revision=edited.card.revision,
            status=card_pb2.CARD_STATUS_ACTIVE,
            reason="load",
        )
        flagged = await self.call("SetCardStatus", operator.SetCardStatus, flag)
        decline = pb.ReportDeclineRequest(request_id=_id(), token=token, response_code="05")
        decline.decline_time.GetCurrentTime()
        await self.call("ReportDecline", vault.ReportDecline, decline)
        return int(flagged.card.revision) if flagged is not None else revision

    async def _read(self) -> None:
        vault, tokens = VaultServiceStub(self.app), list(self.cards)
        found = await self.call("GetCard", vault.GetCard, pb.GetCardRequest(token=tokens[-1]))
        if found is not None:
            self._expect(found.card.last4 == self.cards[tokens[-1]][0][-4:], "GetCard")
        many = pb.BatchGetCardsRequest(tokens=tokens)
        batch = await self.call("BatchGetCards", vault.BatchGetCards, many)
        self._expect(batch is None or len(batch.results) == len(tokens), "BatchGetCards")
        await self.call("ListCards", vault.ListCards, pb.ListCardsRequest(page_size=10))

    async def _reveal(self, token: str, number: str) -> None:
        reveal = RevealServiceStub(self.psp)
        code = pb.PutSecurityCodeRequest(token=token, security_code="737")
        put = await self.call("PutSecurityCode", VaultServiceStub(self.app).PutSecurityCode, code)
        asks = reveal_pb.DetokenizeRequest(
            request_id=_id(), token=token, purpose="payment", include_security_code=put is not None
        )
        shown = await self.call("Detokenize", reveal.Detokenize, asks)
        if shown is not None:
            right = shown.card.number == number and (put is None or shown.security_code == "737")
            self._expect(right, "Detokenize")
        tokens = list(self.cards)[-10:]
        many = reveal_pb.BatchDetokenizeRequest(tokens=tokens, purpose="payment")
        batch = await self.call("BatchDetokenize", reveal.BatchDetokenize, many)
        if batch is not None:
            right = [each.response.card.number for each in batch.results] == [
                self.cards[each][0] for each in tokens
            ]
            self._expect(right, "BatchDetokenize")

    async def stream(self, cards: Sequence[str]) -> None:
        """Stream all cards, and see that those of `cards` are among them."""
        self.report.calls["StreamCredentials"] += 1
        stub, seen = CredentialServiceStub(self.updater), set[str]()
        try:
            asked = credentials_pb.StreamCredentialsRequest()
            async for page in stub.StreamCredentials(asked, timeout=DEADLINE_S):
                seen.update(each.token for each in page.credentials)
        except grpc.aio.AioRpcError as error:
            self.report.errors.append(f"StreamCredentials: {error.code().name} {error.details()}")
        else:
            self._expect(seen.issuperset(cards), "StreamCredentials")

    def _expect(self, right: bool, name: str) -> None:
        if not right:
            self.report.wrong.append(name)


def _id() -> str:
    return str(uuid.uuid4())


@asynccontextmanager
async def client(site: Site, target: str, report: Report) -> AsyncIterator[Client]:
    """Open a client's channels: connections of its own, options as the client's README says."""
    async with AsyncExitStack() as stack:
        channels = []
        for identity in ("app", "psp", "operator", "updater"):
            channel = grpc.aio.secure_channel(
                target,
                channel_credentials(site.tls(identity)),
                options=(
                    *channel_options(),
                    ("grpc.use_local_subchannel_pool", 1),  # else all clients share a connection
                    ("grpc.ssl_target_name_override", "localhost"),
                ),
            )
            channels.append(await stack.enter_async_context(channel))
        app, psp, operator, updater = channels
        yield Client(app, psp, operator, updater, report)


@asynccontextmanager
async def loaded(
    site: Site, target: str, clients: int = 2, churning: int = 1
) -> AsyncIterator[Report]:
    """Keep clients calling while the block runs; when it is left, each has finished its round.

    `churning` ones connect anew for every round: their connections meet servers that are about to
    go. What they see counts like all else.
    """
    report, over = Report(), asyncio.Event()

    async def steady() -> None:
        async with client(site, target, report) as one:
            while not over.is_set():
                kept = list(one.cards)[1:]  # the round beside it may delete the oldest
                await asyncio.gather(one.stream(kept), one.round())
                await asyncio.sleep(_PAUSE_S)

    async def churn() -> None:
        while not over.is_set():
            async with client(site, target, report) as one:
                await one.round()
            await asyncio.sleep(_PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(steady())
        for _ in range(churning):
            tasks.create_task(churn())
        yield report
        over.set()
