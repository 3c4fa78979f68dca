"""For the updater: cards without numbers, and what it learned about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from cardvault.vault.v1 import credential_service_pb2 as pb

from cards.expiry import Expiry
from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan, PanInvalid
from chassis.call import Call
from chassis.status import StatusError
from chassis.validation import Validation
from vault.domain.card import Card, Times, details_of, stored_credentials_of
from vault.domain.intents import ApplyByNumber, ApplyUpdate, Entry
from vault.domain.outcome import Outcome, Refused
from vault.domain.queries import CardQuery
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import NumberUpdateResult, UpdateResult
from vault.rpc.calls import Desk, Room, error_of
from vault.rpc.cards import expiry_number
from vault.rpc.cards_out import MEANINGLESS, View, agreement_out, holds_out, masked, shortened
from vault.rpc.enums import BRAND, DISPOSITION, KIND, OUTCOME, STATUS
from vault.rpc.errors import refusal, value_of
from vault.rpc.requests_in import names_in, no_number_as_id, statuses_in, time_in
from vault.usecases.one_by_one import list_each
from vault.usecases.paging import page_token, place_of
from vault.usecases.ports import CardReader, Keyring

_PAGE = 500


@dataclass(slots=True)
class StreamCounts:
    """What metrics read."""

    damaged: int = 0


@dataclass(frozen=True, slots=True)
class CredentialHandlers:
    """The updater says what an answer says; the vault decides what it does."""

    desk: Desk
    reader: CardReader
    keyring: Keyring
    validation: Validation
    counts: StreamCounts = field(default_factory=StreamCounts)

    async def stream(
        self, request: pb.StreamCredentialsRequest, call: Call
    ) -> AsyncIterator[pb.StreamCredentialsResponse]:
        """Stream the tenant's cards in the order of their tokens, from the cursor on.

        One that is damaged is left out and counted: it must not keep all behind it from updates.
        """
        query = CardQuery(
            tenant=call.tenant,
            limit=_PAGE,
            statuses=statuses_in(request.statuses),
            brands=names_in(request.brands, BRAND.name),
            expires_before=expiry_number(request.expires_before),
            changed_since=time_in(request.changed_since, "changed_since"),
            now=self.desk.clock.now_us(),
        )
        bound = ("credentials", *[str(part) for part in query[4:9]])
        key = (await self.keyring.warm(call.tenant)).cursor
        after = place_of(key, call.tenant, bound, request.cursor, "cursor")
        fingerprints = View(call.identity).fingerprint
        while True:
            found = await list_each(self.reader, query._replace(after_token=after))
            if not found:
                return
            after, _card = found[-1]
            response, room = pb.StreamCredentialsResponse(), Room()
            for token, card in found:
                cursor = page_token(key, call.tenant, bound, token)
                credential = self._told(card, cursor, query.now, fingerprints=fingerprints)
                if credential is not None:
                    if not room.takes(credential):
                        yield response
                        response, room = pb.StreamCredentialsResponse(), Room()
                        room.takes(credential)
                    response.credentials.append(credential)
                response.cursor = cursor
            yield response
            if len(found) < _PAGE:
                return

    def _told(
        self, card: Card | None, cursor: str, now: int, *, fingerprints: bool
    ) -> pb.Credential | None:
        """Return what the updater is told of a card; nothing of a tombstone or a damaged one."""
        if card is not None:
            if card.sealed is None:
                return None
            with suppress(VaultError):
                return credential_out(card, cursor, now, fingerprints=fingerprints)
        self.counts.damaged += 1
        return None

    async def apply(self, request: pb.ApplyUpdatesRequest, call: Call) -> pb.ApplyUpdatesResponse:
        """Apply up to 1,000 answers, each alone, in order."""
        caller = self.desk.caller(call)
        refused: dict[int, VaultError | StatusError] = {}
        entries: list[Entry] = []
        for index, update in enumerate(request.updates):
            try:
                self.validation.check(update)
                entries.append(Entry(caller, update_in(update)))
            except (VaultError, StatusError) as error:
                refused[index] = error
        outcomes = iter(await self.desk.many(call, entries))
        view, now = View(call.identity), self.desk.clock.now_us()
        results, room = [], Room()
        for index, update in enumerate(request.updates):
            result = pb.UpdateResult(update_id=update.update_id)
            if index in refused:
                _refuse(result, refused[index])
            else:
                _result(result, next(outcomes), view, now)
            if not room.takes(result):
                _shorten(result)  # all is applied by now, and a reply over 4 MiB is never sent
            results.append(result)
        return pb.ApplyUpdatesResponse(results=results)


def _shorten(result: pb.UpdateResult) -> None:
    """Cut cards down to what an answer is about; the rest can be read with GetCard."""
    for item in result.cards:
        item.card.CopyFrom(shortened(item.card))


def _refuse(result: pb.UpdateResult, error: VaultError | StatusError) -> None:
    """Fill in an answer that never came to a decision; a wrong update_id is not repeated."""
    result.disposition = DISPOSITION.number["REJECTED"]  # type: ignore[assignment]
    result.error.CopyFrom(error_of(error))
    named = (
        {error.field}
        if isinstance(error, VaultError)
        else {path for path, _rule in error.field_violations}
    )
    if "update_id" in named:
        result.ClearField("update_id")


def _result(
    result: pb.UpdateResult,
    outcome: Outcome,
    view: View,
    now: int,
) -> None:
    """Fill in what became of one answer.

    Raises StatusError for what may pass: the whole call is then repeated. A card that is refused
    for good (its stored contents failed their check, say) holds nobody else's answers up.
    """
    if isinstance(outcome, Refused) and refusal(outcome.reason).retry_after is None:
        _refuse(result, VaultError(outcome.reason, outcome.field))
        return
    done = cast("UpdateResult | NumberUpdateResult", value_of(outcome))
    result.disposition = DISPOSITION.number[done.disposition]  # type: ignore[assignment]
    for each in done.cards if isinstance(done, NumberUpdateResult) else (done,):
        if each.card is not None:
            again = each.disposition == "DUPLICATE"  # of what is its reason
            result.cards.add(
                card=masked(each.card, view, now),
                disposition=DISPOSITION.number[each.disposition],
                previous_credential_version=each.previous_version,
                first_disposition=DISPOSITION.number[each.why] if again else None,
            )
    if done.disposition == "REJECTED":
        result.error.CopyFrom(error_of(VaultError(done.reason, done.field)))


def update_in(update: pb.CredentialUpdate) -> ApplyUpdate | ApplyByNumber:
    """Return what an answer means. Raises VaultError."""
    said = _said_in(update)
    if not said.by_number:
        return said
    try:
        return ApplyByNumber(Pan(update.number), said)
    except PanInvalid:
        raise VaultError(Reason.CARD_NUMBER_INVALID, "number") from None


def _said_in(update: pb.CredentialUpdate) -> ApplyUpdate:
    """Return what an answer says; of one by number, without a token and a version."""
    new_pan, unusable = None, False
    if update.HasField("new_number"):
        try:
            new_pan = Pan(update.new_number)
        except PanInvalid:
            unusable = True  # decided, and so remembered and audited, as REJECTED
    expiry = (
        Expiry(update.new_expiry.year, update.new_expiry.month).as_int
        if update.HasField("new_expiry")
        else 0
    )
    source = update.source
    for value, path in (
        (update.update_id, "update_id"),
        (update.version.token, "version.token"),
        (update.merchant_account, "merchant_account"),
        (source.channel, "source.channel"),
        (source.file, "source.file"),
        (source.raw_code, "source.raw_code"),
    ):
        no_number_as_id(value, path)  # all of them are stored, and audited, in the clear
    return ApplyUpdate(
        update_id=update.update_id,
        token=update.version.token,
        asked_version=update.version.credential_version,
        merchant_account=update.merchant_account,
        outcome=UpdateOutcome(OUTCOME.name[update.outcome]),
        new_pan=new_pan,
        new_expiry=expiry,
        times=Times(
            time_in(update.event_time, "event_time"),
            time_in(update.file_time, "file_time"),
            time_in(update.asked_time, "asked_time"),
        ),
        channel=source.channel,
        file=source.file,
        record=str(source.record),
        raw_code=source.raw_code,
        dry_run=update.dry_run,
        number_unusable=unusable,
        by_number=update.WhichOneof("asked") == "number",
    )


def credential_out(card: Card, cursor: str, now: int, *, fingerprints: bool) -> pb.Credential:
    """Return what the updater may know of a card: no number, no name, no BIN.

    Raises VaultError(DATA_CORRUPT).
    """
    try:
        return _credential_out(card, cursor, now, fingerprints=fingerprints)
    except MEANINGLESS:
        raise VaultError(Reason.DATA_CORRUPT) from None


def _credential_out(card: Card, cursor: str, now: int, *, fingerprints: bool) -> pb.Credential:
    details = details_of(card)
    message = pb.Credential(
        token=card.token,
        revision=card.revision,
        credential_version=card.credential_version,
        kind=KIND.number[card.kind],  # type: ignore[arg-type]
        status=STATUS.number[card.status_at(now)],  # type: ignore[arg-type]
        brand=BRAND.number[card.brand],  # type: ignore[arg-type]
        fingerprint=card.fingerprint if fingerprints else "",
        stored_credentials=[agreement_out(row) for row in stored_credentials_of(card)],
        holds=holds_out(card),
        cursor=cursor,
    )
    if card.expiry:
        message.expiry.year, message.expiry.month = divmod(card.expiry, 100)
    if details.get("issuer_country"):
        message.issuer_country = details["issuer_country"]
    if details.get("last_decline_code"):
        message.last_decline.response_code = details["last_decline_code"]
        message.last_decline.decline_time.FromMicroseconds(details["last_decline_time"])
    return message
