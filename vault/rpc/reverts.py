"""Undoing what an updater's answers did: a file a page of cards at a time, or one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from cardvault.vault.v1 import credential_service_pb2 as pb

from chassis.call import Call
from vault.domain.intents import Caller, DropParked, Entry, Note, RevertUpdates
from vault.domain.outcome import Outcome, Refused
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import RevertDisposition, RevertResult
from vault.rpc.calls import Desk, Room, error_of
from vault.rpc.cards_out import View, masked, shortened
from vault.rpc.enums import REVERT_DISPOSITION
from vault.rpc.errors import refusal, value_of
from vault.rpc.requests_in import no_number_as_id
from vault.usecases.paging import page_token, place_of
from vault.usecases.ports import CardReader, FileReader, Keyring

DEFAULT_PAGE: Final = 200
ACTION: Final = "file.revert_updates"
_PARKED: Final = "p:"  # a page begins behind this parked answer
_CARDS: Final = "c:"  # or behind this card


@dataclass(frozen=True, slots=True)
class _Undoing:
    """One call's entries: who undoes which file, on trial or not."""

    request: pb.RevertUpdatesRequest
    caller: Caller
    source: str

    def note(self) -> Entry:
        """Return the record of the whole: every card and parked answer has one of its own."""
        result = "dry_run" if self.request.dry_run else "ok"
        note = f"{self.source} {self.request.request_id.lower()}"
        return Entry(self.caller, Note(ACTION, result, note=note))

    def drop(self, update_id: str) -> Entry:
        """Return the entry that drops a parked answer."""
        request = self.request
        request_id = request.request_id.lower()
        return Entry(self.caller, DropParked(update_id, self.source, request.dry_run, request_id))

    def revert(self, token: str) -> Entry:
        """Return the entry that undoes the file on one card."""
        request = self.request
        request_id = request.request_id.lower()
        return Entry(
            self.caller,
            RevertUpdates(token, self.source, dry_run=request.dry_run, request_id=request_id),
        )


@dataclass(frozen=True, slots=True)
class RevertHandlers:
    """The file is the caller's to name; which cards it changed, and what goes back, the vault's."""

    desk: Desk
    reader: CardReader
    files: FileReader
    keyring: Keyring

    async def revert(
        self, request: pb.RevertUpdatesRequest, call: Call
    ) -> pb.RevertUpdatesResponse:
        """Undo a page of a file's cards, or the answer that made a version of one card."""
        if request.WhichOneof("target") == "version":
            return await self._version(request, call)
        return await self._page(request, call)

    async def _version(
        self, request: pb.RevertUpdatesRequest, call: Call
    ) -> pb.RevertUpdatesResponse:
        if request.page_token:
            raise VaultError(Reason.PAGE_TOKEN_INVALID, "page_token")
        intent = RevertUpdates(
            token=no_number_as_id(request.version.token, "version.token"),
            version=request.version.credential_version,
            dry_run=request.dry_run,
            request_id=request.request_id.lower(),
        )
        result = cast("RevertResult", await self.desk.one(call, intent))
        card = _told(result, View(call.identity), self.desk.clock.now_us())
        return pb.RevertUpdatesResponse(cards=[card])

    async def _page(self, request: pb.RevertUpdatesRequest, call: Call) -> pb.RevertUpdatesResponse:
        """Drop what is parked, page by page, then undo the cards: what waits changes none then."""
        file = request.source
        no_number_as_id(file.channel, "source.channel")
        no_number_as_id(file.file, "source.file")
        undoing = _Undoing(request, self.desk.caller(call), f"{file.channel}/{file.file}")
        bound = ("revert", undoing.source, str(request.dry_run))
        key = (await self.desk.in_time(call, self.keyring.warm(call.tenant))).cursor
        place = place_of(key, call.tenant, bound, request.page_token)
        response = pb.RevertUpdatesResponse()
        size, next_place = request.page_size or DEFAULT_PAGE, ""
        if not place.startswith(_CARDS):
            next_place = await self._parked(
                call, undoing, place.removeprefix(_PARKED), size, response
            )
        if not next_place:
            after = place.removeprefix(_CARDS) if place.startswith(_CARDS) else ""
            next_place = await self._cards(call, undoing, after, size, response)
        if next_place:
            response.next_page_token = page_token(key, call.tenant, bound, next_place)
        return response

    async def _parked(
        self,
        call: Call,
        undoing: _Undoing,
        after: str,
        size: int,
        response: pb.RevertUpdatesResponse,
    ) -> str:
        """Drop a page of parked answers; return where the next one begins, if there is one."""
        file = undoing.request.source
        # One more than asked for tells whether there is a next page.
        found = await self.desk.in_time(
            call, self.files.parked_by(call.tenant, file.channel, file.file, after, size + 1)
        )
        entries = [undoing.drop(update_id) for update_id in found[:size]]
        if not after:
            entries.insert(0, undoing.note())
        outcomes = await self.desk.many(call, entries)
        response.dropped_parked = sum(value_of(outcome) is True for outcome in outcomes)
        return _PARKED + found[size - 1] if len(found) > size else ""

    async def _cards(
        self,
        call: Call,
        undoing: _Undoing,
        after: str,
        size: int,
        response: pb.RevertUpdatesResponse,
    ) -> str:
        """Undo a page of cards, each alone; return where the next one begins, if there is one.

        What may pass ends the call, and a retry undoes the rest.
        """
        found = await self.desk.in_time(
            call, self.files.changed_by(call.tenant, undoing.source, after, size + 1)
        )
        tokens = found[:size]
        outcomes = await self.desk.many(call, [undoing.revert(token) for token in tokens])
        view, now, room = View(call.identity), self.desk.clock.now_us(), Room()
        for token, outcome in zip(tokens, outcomes, strict=True):
            card = _card(token, outcome, view, now)
            if not room.takes(card):  # all is undone by now: never a reply over 4 MiB
                card.card.CopyFrom(shortened(card.card))
            response.cards.append(card)
        return _CARDS + tokens[-1] if len(found) > size else ""


def _card(token: str, outcome: Outcome, view: View, now: int) -> pb.RevertedCard:
    """Return what became of a card. One that fails for good holds no other one up."""
    if isinstance(outcome, Refused) and refusal(outcome.reason).retry_after is None:
        failed = REVERT_DISPOSITION.number[RevertDisposition.FAILED]
        error = error_of(VaultError(outcome.reason))
        return pb.RevertedCard(token=token, disposition=failed, error=error)  # type: ignore[arg-type]
    return _told(cast("RevertResult", value_of(outcome)), view, now)


def _told(result: RevertResult, view: View, now: int) -> pb.RevertedCard:
    card = result.card
    message = pb.RevertedCard(
        token=card.token,
        disposition=REVERT_DISPOSITION.number[result.disposition],  # type: ignore[arg-type]
        previous_credential_version=result.previous_version,
        credential_version=card.credential_version,
    )
    if result.disposition is not RevertDisposition.GONE:
        message.card.CopyFrom(masked(card, view, now))
    return message
