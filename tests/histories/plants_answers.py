"""Handlers that break a promise once: their answers are spoilt, or what reaches them."""

from __future__ import annotations

from typing import Any, Final

from cardvault.vault.v1 import vault_service_pb2 as pb
from google.protobuf.message import Message

from tests.histories.clients import Refusal, Send
from tests.histories.explain import Anomaly
from tests.histories.history import Kind
from tests.histories.plants import STORES, Plant
from vault.domain.card import Card


class AnyRevision(Plant):
    fault = "a change is done though another revision was expected"
    named = frozenset({Anomaly.CAS, Anomaly.UNASKED, Anomaly.CONTENT, Anomaly.FORBIDDEN})

    async def send(self, inner: Send, kind: Kind, request: Any) -> Any:
        card = self._card(request)
        wrong = card is not None and 0 < request.expected_revision < card.revision
        if kind is Kind.UPDATE and wrong and self._fresh(request) and self.first():
            request.expected_revision = 0
        return await inner(kind, request)

    def _card(self, request: Any) -> Card | None:
        cards = (card for card in self.tables.cards.values() if card.token == request.token)
        return next(cards, None) if hasattr(request, "expected_revision") else None

    def _fresh(self, request: Any) -> bool:
        """Tell whether it is no attempt at what was done before, and the card is live."""
        card = self._card(request)
        known = any(key.request_id == request.request_id for key in self.tables.requests)
        return card is not None and card.status == "ACTIVE" and not known


class ListPlant(Plant):
    """Spoils one list of some length."""

    async def send(self, inner: Send, kind: Kind, request: Message) -> Any:
        answer = await inner(kind, request)
        if kind is Kind.VERSIONS and len(answer.versions) > 3 and self.first():
            rows = list(answer.versions)
            self.spoil(rows)
            return pb.ListCardVersionsResponse(versions=rows)
        return answer

    def spoil(self, rows: list[Any]) -> None:
        raise NotImplementedError


class MissingVersion(ListPlant):
    fault = "a list of versions leaves one out"
    named = frozenset({Anomaly.LIST_GAP})

    def spoil(self, rows: list[Any]) -> None:
        del rows[1]


class SwappedVersions(ListPlant):
    fault = "a list of versions has two in the wrong order"
    named = frozenset({Anomaly.LIST_ORDER})

    def spoil(self, rows: list[Any]) -> None:
        rows[1], rows[2] = rows[2], rows[1]


class OtherNumber(Plant):
    fault = "a reveal gives another number than the card's"
    named = frozenset({Anomaly.NUMBER})

    _before: Any = None

    async def send(self, inner: Send, kind: Kind, request: Message) -> Any:
        answer = await inner(kind, request)
        if kind is Kind.REVEAL:
            before, self._before = self._before, answer.card.__deepcopy__()
            if before is not None and before.number != answer.card.number and self.first():
                answer.card.CopyFrom(before)
        return answer


class DeletedRevealed(Plant):
    fault = "a deleted card is revealed"
    named = frozenset({Anomaly.FORBIDDEN, Anomaly.STALE})

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, Any] = {}

    async def send(self, inner: Send, kind: Kind, request: Any) -> Any:
        try:
            answer = await inner(kind, request)
        except Refusal as refusal:
            known = kind is Kind.REVEAL and request.token in self._before
            if known and str(refusal) == "CARD_DELETED" and self.first():
                return self._before[request.token]
            raise
        if kind is Kind.REVEAL:
            self._before[request.token] = answer
        return answer


class RefusedForNothing(Plant):
    fault = "a call is refused though nothing stands against it"
    named = frozenset({Anomaly.REFUSED})

    async def send(self, inner: Send, kind: Kind, request: Any) -> Any:
        answer = await inner(kind, request)
        if kind is Kind.REVEAL and self.first():
            raise Refusal("CARD_DELETED")
        return answer


class ToldOfNothing(Plant):
    fault = "a change is answered with a revision that it did not make"
    named = frozenset({Anomaly.UNASKED})

    async def send(self, inner: Send, kind: Kind, request: Message) -> Any:
        answer = await inner(kind, request)
        if kind is Kind.STATUS and answer.card.revision > 3 and self.first():
            answer.card.revision += 1
        return answer


PLANTS: Final[tuple[type[Plant], ...]] = (
    *STORES,
    AnyRevision,
    MissingVersion,
    SwappedVersions,
    OtherNumber,
    DeletedRevealed,
    RefusedForNothing,
    ToldOfNothing,
)
