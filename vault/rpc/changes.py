"""Changing cards: contents, status, declines, deletion, security codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import vault_service_pb2 as pb

from chassis.call import Call
from vault.domain.card import (
    Card,
    CardKey,
    Hold,
    Status,
    known_brand,
    pack_holds,
    pack_stored_credentials,
)
from vault.domain.intents import (
    DeleteCard,
    EditCard,
    Intent,
    Note,
    NoteDecline,
    RequestMark,
    SetStatus,
    UndeleteCard,
)
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import CardResult
from vault.rpc.bodies import mark
from vault.rpc.calls import Desk
from vault.rpc.cards_out import View, masked
from vault.rpc.edits_in import edit_in
from vault.rpc.enums import STATUS
from vault.rpc.requests_in import code_length_in, hold_in, no_number_in_text, time_in
from vault.usecases.codes import DEFAULT_TTL_S, CodeVault

DEFAULT_GRACE_US = 7 * 86_400_000_000
LEAST_GRACE_US = 3_600_000_000
"""Time to notice a wrong deletion and undo it; who wants less needs `erase_now`."""


@dataclass(frozen=True, slots=True)
class ChangeHandlers:
    """Each change: one intent, one revision, one event, one audit record."""

    desk: Desk
    codes: CodeVault

    async def update(self, request: pb.UpdateCardRequest, call: Call) -> pb.UpdateCardResponse:
        """Change the fields that the mask names."""
        intent = edit_in(request)
        card = await self._changed(call, intent, mark_of_edit(request, intent))
        return pb.UpdateCardResponse(card=card)

    async def set_status(
        self, request: pb.SetCardStatusRequest, call: Call
    ) -> pb.SetCardStatusResponse:
        """Set a status, place and release holds."""
        place: set[Hold] = set()
        release: set[Hold] = set()
        for index, change in enumerate(request.holds):
            hold = hold_in(change.hold, f"holds[{index}].hold")
            (place if change.action == pb.HOLD_ACTION_PLACE else release).add(hold)
        if place & release:
            raise VaultError(Reason.HOLD_INVALID, "holds")
        name = STATUS.name[request.status]
        intent = SetStatus(
            token=request.token,
            expected_revision=request.expected_revision,
            status=Status(name) if name else None,
            place=frozenset(place),
            release=frozenset(release),
            note=no_number_in_text(request.reason, "reason"),
        )
        request_mark = mark(
            "SetCardStatus",
            request.request_id,
            (
                ("token", request.token),
                ("revision", str(request.expected_revision)),
                ("status", name),
                ("place", pack_holds(intent.place)),
                ("release", pack_holds(intent.release)),
                ("reason", intent.note),
            ),
        )
        return pb.SetCardStatusResponse(card=await self._changed(call, intent, request_mark))

    async def report_decline(
        self, request: pb.ReportDeclineRequest, call: Call
    ) -> pb.ReportDeclineResponse:
        """Remember a decline; no check is scheduled by the vault itself."""
        declined_at = time_in(request.decline_time, "decline_time")
        request_mark = mark(
            "ReportDecline",
            request.request_id,
            (
                ("token", request.token),
                ("code", request.response_code),
                ("time", str(declined_at)),
            ),
        )
        intent = NoteDecline(request.token, request.response_code, declined_at)
        await self.desk.one(call, intent, request_mark)
        return pb.ReportDeclineResponse(follow_up=pb.DECLINE_FOLLOW_UP_NONE)

    async def delete(self, request: pb.DeleteCardRequest, call: Call) -> pb.DeleteCardResponse:
        """Delete a card; its contents go when the grace is over."""
        given = request.HasField("grace")
        grace = time_in(request.grace, "grace") if given else DEFAULT_GRACE_US
        if grace < LEAST_GRACE_US:
            await self.desk.require(call, "erase_now", token=request.token)
        intent = DeleteCard(request.token, request.expected_revision, grace)
        request_mark = mark(
            "DeleteCard",
            request.request_id,
            (
                ("token", request.token),
                ("revision", str(request.expected_revision or "")),
                ("grace", str(grace) if given else ""),
            ),
        )
        return pb.DeleteCardResponse(card=await self._changed(call, intent, request_mark))

    async def undelete(
        self, request: pb.UndeleteCardRequest, call: Call
    ) -> pb.UndeleteCardResponse:
        """Bring a deleted card back while its grace lasts."""
        request_mark = mark(
            "UndeleteCard",
            request.request_id,
            (("token", request.token), ("revision", str(request.expected_revision or ""))),
        )
        intent = UndeleteCard(request.token, request.expected_revision)
        return pb.UndeleteCardResponse(card=await self._changed(call, intent, request_mark))

    async def put_security_code(
        self, request: pb.PutSecurityCodeRequest, call: Call
    ) -> pb.PutSecurityCodeResponse:
        """Keep a security code for minutes."""
        card = await self._live(call, request.token)
        if card.status == Status.CLOSED:
            raise VaultError(Reason.STATUS_FORBIDS, "token")
        code_length_in(request.security_code, known_brand(card))
        ttl = time_in(request.ttl, "ttl") / 1e6 if request.HasField("ttl") else DEFAULT_TTL_S
        # Recorded before it is kept: who brought a code for which card, never the code.
        await self.desk.one(call, Note("card.put_security_code", "ok", token=card.token))
        await self.desk.in_time(call, self.codes.put(card, request.security_code, ttl))
        return pb.PutSecurityCodeResponse()

    async def _live(self, call: Call, token: str) -> Card:
        key = CardKey(call.tenant, token)
        card = (await self.desk.in_time(call, self.desk.ledger.read([key]))).get(key)
        if card is None:
            raise VaultError(Reason.CARD_NOT_FOUND, "token")
        if card.status_at(self.desk.clock.now_us()) == Status.DELETED:
            raise VaultError(Reason.CARD_DELETED, "token")
        return card

    async def _changed(
        self, call: Call, intent: Intent, request_mark: RequestMark
    ) -> card_pb2.Card:
        result = cast("CardResult", await self.desk.one(call, intent, request_mark))
        return masked(result.card, View(call.identity), self.desk.clock.now_us())


def mark_of_edit(request: pb.UpdateCardRequest, intent: EditCard) -> RequestMark:
    """Return an UpdateCard's mark: what the mask names, with its values."""
    fields = [
        ("token", intent.token),
        ("revision", str(intent.expected_revision)),
        ("mask", ",".join(sorted(intent.mask))),
        ("number", intent.pan.reveal() if intent.pan else ""),
        ("expiry", str(intent.expiry or "")),
        ("name", intent.cardholder_name),
        ("address", intent.billing_address),
        ("agreements", pack_stored_credentials(intent.stored_credentials)),
    ]
    fields += [(f"metadata.{key}", f"={value}") for key, value in intent.metadata]
    return mark("UpdateCard", request.request_id, fields)
