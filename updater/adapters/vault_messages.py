"""The vault's messages and what they are in the domain."""

from collections.abc import Mapping, Sequence
from typing import Final

from cardvault.vault.v1 import card_pb2, credential_service_pb2, reveal_service_pb2, update_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from cards.brands import Brand
from cards.expiry import Expiry
from cards.pan import Pan, PanInvalid
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Credential
from updater.usecases.ports_vault import (
    CardUpdate,
    MaskedCard,
    NotRevealed,
    Revealed,
    RevertedCard,
    RevertedPage,
    Undone,
)

ALL_STATUSES: Final = (
    card_pb2.CARD_STATUS_ACTIVE,
    card_pb2.CARD_STATUS_NEEDS_CARDHOLDER,
    card_pb2.CARD_STATUS_CLOSED,
    card_pb2.CARD_STATUS_DELETED,
)
"""A deleted card must be seen, too: it is asked about no more."""

_FOR_ONE_PAYMENT: Final = frozenset({card_pb2.AGREEMENT_ONE_TIME, card_pb2.AGREEMENT_UNSPECIFIED})


def credential(message: credential_service_pb2.Credential) -> Credential:
    """Return a card as the stream shows it."""
    covered = {each.merchant_account for each in message.stored_credentials if _covers(each)}
    opted_out = {
        hold.merchant_account
        for hold in message.holds
        if hold.type == card_pb2.HOLD_TYPE_UPDATER_OPTED_OUT
    }
    has_expiry = message.HasField("expiry")
    return Credential(
        token=message.token,
        revision=message.revision,
        credential_version=message.credential_version,
        fpan=message.kind == card_pb2.CARD_KIND_FPAN,
        status=_status(message.status),
        brand=brand(message.brand),
        fingerprint=message.fingerprint,
        expiry=message.expiry.year * 100 + message.expiry.month if has_expiry else None,
        covered=frozenset(covered),
        opted_out=frozenset(opted_out),
    )


def revealed(token: str, message: reveal_service_pb2.DetokenizeResponse) -> Revealed | NotRevealed:
    """Return a revealed card."""
    card = message.card
    has_expiry = card.HasField("expiry_month") and card.HasField("expiry_year")
    try:
        number = Pan(card.number)
    except PanInvalid:  # nothing that a channel could be asked about
        return NotRevealed(token, "CARD_NUMBER_INVALID")
    return Revealed(
        token=token,
        credential_version=message.masked.credential_version,
        number=number,
        expiry=Expiry(card.expiry_year, card.expiry_month) if has_expiry else None,
        brand=number.brand,
    )


def credential_update(update: CardUpdate) -> credential_service_pb2.CredentialUpdate:
    """Return an answer as ApplyUpdates takes it: about a version of a card, or about a number."""
    message = credential_service_pb2.CredentialUpdate(
        update_id=update.update_id,
        merchant_account=update.merchant_account,
        outcome=f"UPDATE_OUTCOME_{update.outcome.value}",
        asked_time=timestamp(update.asked_at),
        source=update_pb2.UpdateSource(
            channel=update.channel,
            file=update.feed_id,
            record=update.ordinal,
            raw_code=update.raw_code,
        ),
        dry_run=update.dry_run,
    )
    if update.token:
        message.version.token = update.token
        message.version.credential_version = update.credential_version
    elif update.number is not None:
        message.number = update.number.reveal()
    if update.new_number is not None:
        message.new_number = update.new_number.reveal()
    if update.new_expiry is not None:
        message.new_expiry.year = update.new_expiry.year
        message.new_expiry.month = update.new_expiry.month
    if update.event_time is not None:
        message.event_time.CopyFrom(timestamp(update.event_time))
    if update.file_time is not None:
        message.file_time.CopyFrom(timestamp(update.file_time))
    return message


def cards_of(result: credential_service_pb2.UpdateResult) -> Sequence[tuple[str, Disposition]]:
    """Return what the vault did with each card that an answer by number was about."""
    return [(each.card.token, disposition(each.disposition)) for each in result.cards]


def first_of(result: credential_service_pb2.UpdateResult) -> Mapping[str, Disposition]:
    """Return what duplicates were when they came for the first time, by token."""
    return {
        each.card.token: disposition(each.first_disposition)
        for each in result.cards
        if each.first_disposition
    }


def reverted(message: credential_service_pb2.RevertUpdatesResponse) -> RevertedPage:
    """Return a page of what was taken back."""
    cards = [
        RevertedCard(
            token=card.token,
            undone=_undone(card.disposition),
            previous_version=card.previous_credential_version,
            credential_version=card.credential_version,
        )
        for card in message.cards
    ]
    return RevertedPage(cards, message.dropped_parked)


def masked(card: card_pb2.Card) -> MaskedCard:
    """Return a card as the vault shows it to everyone who may read."""
    has_expiry = card.HasField("expiry_month") and card.HasField("expiry_year")
    return MaskedCard(
        token=card.token,
        brand=brand(card.brand),
        bin=card.bin,
        last4=card.last4,
        expiry=Expiry(card.expiry_year, card.expiry_month) if has_expiry else None,
        status=_status(card.status).value,
    )


def disposition(value: int) -> Disposition:
    """Return the vault's decision; one that this release doesn't know needs an operator."""
    try:
        return Disposition(update_pb2.Disposition.Name(value).removeprefix("DISPOSITION_"))
    except ValueError:
        return Disposition.REJECTED


def brand(value: int) -> Brand:
    """Return a brand; one that this release doesn't know can't be asked about."""
    try:
        return Brand(card_pb2.Brand.Name(value).removeprefix("BRAND_"))
    except ValueError:
        return Brand.UNKNOWN


def timestamp(at: int) -> Timestamp:
    """Return µs since the epoch as a message."""
    return Timestamp(seconds=at // 1_000_000, nanos=at % 1_000_000 * 1_000)


def _status(value: int) -> CardStatus:
    try:
        return CardStatus(card_pb2.CardStatus.Name(value).removeprefix("CARD_STATUS_"))
    except ValueError:  # unknown: not one to ask about
        return CardStatus.NEEDS_CARDHOLDER


def _undone(value: int) -> Undone:
    """Return what became of a card; a word that this release doesn't know says it stays."""
    try:
        name = update_pb2.RevertDisposition.Name(value)
        return Undone(name.removeprefix("REVERT_DISPOSITION_"))
    except ValueError:
        return Undone.KEPT_NEWER


def _covers(agreement: card_pb2.StoredCredential) -> bool:
    """Covered: the consent stands, isn't withdrawn, and isn't for one payment (api.md)."""
    return (
        agreement.HasField("consent_time")
        and not agreement.HasField("withdraw_time")
        and agreement.agreement not in _FOR_ONE_PAYMENT
    )
