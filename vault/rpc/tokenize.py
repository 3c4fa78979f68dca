"""Tokenize and its batch twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from cardvault.vault.v1 import vault_service_pb2 as pb

from chassis.call import Call
from chassis.status import StatusError
from chassis.validation import Validation
from vault.domain.intents import AddCard, Entry
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import TokenizeResult
from vault.rpc.bodies import mark_of_add
from vault.rpc.calls import Desk, Room, error_of
from vault.rpc.cards_out import View, masked_fields, shortened
from vault.rpc.errors import value_of
from vault.rpc.requests_in import add_card_in, code_length_in
from vault.usecases.codes import CodeVault

ENTRY_BYTES = 1_024
"""What an entry takes in the ledger's line beside its request's own size."""


_MAX_BATCH = 4 << 20
_REPLY_EXTRA = 300  # what a card in a reply has beyond its request: token, times, fingerprint


@dataclass(slots=True)
class _Item:
    """One request of a batch: what it means, or why it was refused before the ledger."""

    request: pb.TokenizeRequest
    intent: AddCard | None = None
    error: VaultError | StatusError | None = None


@dataclass(frozen=True, slots=True)
class TokenizeHandlers:
    """A card number goes in, a token comes out."""

    desk: Desk
    codes: CodeVault
    validation: Validation

    async def tokenize(self, request: pb.TokenizeRequest, call: Call) -> pb.TokenizeResponse:
        """Store one card."""
        intent = add_card_in(request)
        for permission in _further(request, intent):
            await self.desk.require(call, permission)
        mark = mark_of_add(request.request_id, intent)
        entry = Entry(self.desk.caller(call), intent, mark, size=ENTRY_BYTES + request.ByteSize())
        result = cast("TokenizeResult", value_of((await self.desk.many(call, [entry]))[0]))
        if request.HasField("security_code"):
            await self._keep_code(request, result, call)
        view, now = View(call.identity), self.desk.clock.now_us()
        return pb.TokenizeResponse(**_fields(result, view, now))

    async def batch(self, request: pb.BatchTokenizeRequest, call: Call) -> pb.BatchTokenizeResponse:
        """Store up to 1,000 cards; each succeeds or fails alone, in order."""
        if request.ByteSize() + _REPLY_EXTRA * len(request.requests) > _MAX_BATCH:
            # Before anything is stored: a reply that is too big to be sent would tell nobody.
            raise VaultError(Reason.BATCH_TOO_LARGE, "requests")
        items = await self._items(request, call)
        caller = self.desk.caller(call)
        entries = [
            Entry(
                caller,
                item.intent,
                mark_of_add(item.request.request_id, item.intent),
                size=ENTRY_BYTES + item.request.ByteSize(),
            )
            for item in items
            if item.intent is not None
        ]
        outcomes = iter(await self.desk.many(call, entries))
        response = pb.BatchTokenizeResponse()
        view, now = View(call.identity), self.desk.clock.now_us()
        room = Room()
        for item in items:
            if item.intent is not None:
                try:
                    result = cast("TokenizeResult", value_of(next(outcomes)))
                    if item.request.HasField("security_code"):
                        await self._keep_code(item.request, result, call)
                    fields = _fields(result, view, now)
                except (VaultError, StatusError) as error:
                    item.error = error
                else:
                    told = response.results.add(response=fields)
                    if not room.takes(told):
                        # All is stored by now, and a reply over 4 MiB is never sent.
                        told.response.card.CopyFrom(shortened(told.response.card))
                    continue
            problem = item.error or VaultError(Reason.INVALID_FIELD)
            response.results.add(error=error_of(problem))
        return response

    async def _items(self, batch: pb.BatchTokenizeRequest, call: Call) -> list[_Item]:
        """Return what each request of a batch means, or why it is refused."""
        items = []
        all_sound = self.validation.all_sound(batch)
        for request in batch.requests:
            item = _Item(request)
            try:
                if not all_sound:
                    self.validation.check(request)
                intent = add_card_in(request)
                for permission in _further(request, intent):
                    await self.desk.require(call, permission)
                item.intent = intent
            except (VaultError, StatusError) as error:
                item.error = error
            items.append(item)
        return items

    async def _keep_code(
        self, request: pb.TokenizeRequest, result: TokenizeResult, call: Call
    ) -> None:
        """Keep the security code that came with a request.

        After the commit, before the reply: a retry with the same request id keeps it again.
        """
        await self.desk.in_time(call, self.codes.put(result.card, request.security_code))


def _further(request: pb.TokenizeRequest, intent: AddCard) -> list[str]:
    """Return what a caller needs permission for besides. Raises VaultError on a wrong code."""
    permissions = []
    if request.HasField("security_code"):
        code_length_in(request.security_code, intent.contents.pan.brand)
        permissions.append("security_code")
    if intent.on_existing == "UPDATE":
        permissions.append("update_existing")
    return permissions


def _fields(result: TokenizeResult, view: View, now: int) -> dict[str, Any]:
    """Return a reply's fields."""
    card, created, differs = result
    fields: dict[str, Any] = {"card": masked_fields(card, view, now), "created": created}
    if differs:
        fields["differs"] = differs
    return fields
