"""Reading masked cards: one, many, lists, versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import vault_service_pb2 as pb

from chassis.call import Call
from vault.domain.card import Card, CardKey
from vault.domain.queries import CardQuery
from vault.domain.reasons import Reason, VaultError
from vault.rpc.calls import Desk, Room, error_of
from vault.rpc.cards_out import View, current_version_out, masked, version_out, view_of
from vault.rpc.enums import BRAND
from vault.rpc.errors import refusal
from vault.rpc.requests_in import names_in, statuses_in
from vault.usecases.masked_views import Shown
from vault.usecases.one_by_one import list_each, read_each
from vault.usecases.paging import page_token, place_of
from vault.usecases.ports import CardReader, Keyring

DEFAULT_PAGE = 100

ReadViews = Callable[[Sequence[CardKey]], Awaitable[Mapping[CardKey, Shown]]]
"""Read cards to be shown masked, and for nothing else: a cache may be in between."""


@dataclass(frozen=True, slots=True)
class CardHandlers:
    """Masked reads: they change nothing, and are not audited."""

    desk: Desk
    reader: CardReader
    keyring: Keyring
    views: ReadViews

    async def get(self, request: pb.GetCardRequest, call: Call) -> pb.GetCardResponse:
        """Return one card, deleted ones included."""
        key = CardKey(call.tenant, request.token)
        shown = (await self.views([key])).get(key)
        if shown is None:
            raise VaultError(Reason.CARD_NOT_FOUND, "token")
        return pb.GetCardResponse(card=view_of(shown, View(call.identity), self._now()))

    async def batch_get(
        self, request: pb.BatchGetCardsRequest, call: Call
    ) -> pb.BatchGetCardsResponse:
        """Return up to 1,000 cards in order; stops at 3 MiB and says so."""
        keys = [CardKey(call.tenant, token) for token in request.tokens]
        cards, unread = await read_each(self.views, keys)
        view, now, room = View(call.identity), self._now(), Room()
        response = pb.BatchGetCardsResponse()
        missing = refusal(Reason.CARD_NOT_FOUND).to_proto()
        corrupt = refusal(Reason.DATA_CORRUPT).to_proto()
        for key in keys:
            card = cards.get(key)
            result = pb.BatchGetCardsResult()
            if card is None:
                result.error.CopyFrom(corrupt if key in unread else missing)
            else:
                try:
                    result.response.card.CopyFrom(view_of(card, view, now))
                except VaultError as error:
                    result.error.CopyFrom(error_of(error))
            if not room.takes(result):
                response.truncated = True
                break
            response.results.append(result)
        return response

    async def list(self, request: pb.ListCardsRequest, call: Call) -> pb.ListCardsResponse:
        """Return a page of cards in the order of their tokens."""
        if request.fingerprint:
            await self.desk.require(call, "fingerprint")
        query = CardQuery(
            tenant=call.tenant,
            limit=request.page_size or DEFAULT_PAGE,
            customer=request.customer,
            fingerprint=request.fingerprint,
            statuses=statuses_in(request.statuses),
            brands=names_in(request.brands, BRAND.name),
            expires_before=expiry_number(request.expires_before),
            now=self._now(),
        )
        bound = ("cards", *[str(part) for part in query[3:8]])
        key = (await self.keyring.warm(call.tenant)).cursor
        after = place_of(key, call.tenant, bound, request.page_token)
        # One more than asked for tells whether there is a next page.
        found = await list_each(
            self.reader, query._replace(after_token=after, limit=query.limit + 1)
        )
        view, now, room = View(call.identity), self._now(), Room()
        response, told = pb.ListCardsResponse(), 0
        for token, card in found[: query.limit]:
            message = _masked_if_sound(card, view, now)
            if message is None:
                response.damaged_tokens.append(token)
            elif room.takes(message):
                response.cards.append(message)
            else:
                break
            told += 1
        if told < len(found):
            last, _card = found[told - 1]
            response.next_page_token = page_token(key, call.tenant, bound, last)
        return response

    async def versions(
        self, request: pb.ListCardVersionsRequest, call: Call
    ) -> pb.ListCardVersionsResponse:
        """Return a card's versions, newest first."""
        card = await self._card(call, request.token)
        limit = request.page_size or DEFAULT_PAGE
        bound = ("versions", card.token)
        key = (await self.keyring.warm(call.tenant)).cursor
        place = place_of(key, call.tenant, bound, request.page_token)
        below = int(place) if place else card.credential_version + 1
        # Never the card's own: superseded since it was read, it would stand here twice.
        # One more than asked for tells whether there is a next page.
        until = min(below, card.credential_version)
        older = await self.reader.versions(card.key, until, limit + 1)
        view, now = View(call.identity), self._now()
        rows = [version_out(card, old, view, now) for old in older]
        if card.sealed is not None and card.credential_version < below:
            rows.insert(0, current_version_out(card, view, now))
        response, room = pb.ListCardVersionsResponse(), Room()
        for row in rows[:limit]:
            if not room.takes(row):
                break
            response.versions.append(row)
        shown = len(response.versions)
        if shown < len(rows):
            response.next_page_token = page_token(
                key, call.tenant, bound, str(rows[shown - 1].credential_version)
            )
        return response

    async def _card(self, call: Call, token: str) -> Card:
        key = CardKey(call.tenant, token)
        card = (await self.desk.ledger.read([key])).get(key)
        if card is None:
            raise VaultError(Reason.CARD_NOT_FOUND, "token")
        return card

    def _now(self) -> int:
        return self.desk.clock.now_us()


def expiry_number(expiry: card_pb2.Expiry) -> int:
    """Return yyyymm, 0 for an unset filter."""
    return expiry.year * 100 + expiry.month


def _masked_if_sound(card: Card | None, view: View, now: int) -> card_pb2.Card | None:
    """Return a card without its number; None: what is stored of it is damaged."""
    if card is None:
        return None
    try:
        return masked(card, view, now)
    except VaultError:
        return None
