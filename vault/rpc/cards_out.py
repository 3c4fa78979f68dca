"""Cards on their way out: masked for everybody, in the clear for reveals only."""

from __future__ import annotations

import json

from cardvault.vault.v1 import card_pb2 as pb
from google.protobuf import json_format
from google.type.postal_address_pb2 import PostalAddress

from chassis.identity import Identity
from vault.domain.card import (
    Card,
    StoredCredential,
    Version,
    details_of,
    holds_of,
    metadata_of,
    stored_credentials_of,
)
from vault.domain.contents import Contents
from vault.rpc.enums import (
    AGREEMENT,
    BRAND,
    CAUSE,
    FORMAT,
    FUNDING,
    HOLD,
    INITIATOR,
    KIND,
    STATUS,
)
from vault.rpc.times import timestamp


class View:
    """What an identity may see of a masked card: the 8-digit BIN and fingerprints are extra."""

    __slots__ = ("bin_digits", "fingerprint")

    def __init__(self, identity: Identity) -> None:
        self.bin_digits = 8 if identity.allows("bin8") else 6
        self.fingerprint = identity.allows("fingerprint")


def masked(card: Card, view: View, now: int) -> pb.Card:
    """Return a card without its number."""
    message = pb.Card(
        token=card.token,
        revision=card.revision,
        credential_version=card.credential_version,
        kind=KIND.number[card.kind],  # type: ignore[arg-type]
        token_format=FORMAT.number[card.token_format],  # type: ignore[arg-type]
        status=STATUS.number[card.status_at(now)],  # type: ignore[arg-type]
        brand=BRAND.number[card.brand],  # type: ignore[arg-type]
        bin=card.bin[: view.bin_digits],
        last4=card.last4,
        expiry_unconfirmed=card.expiry_unconfirmed,
        fingerprint=card.fingerprint if view.fingerprint else "",
        customer=card.customer,
        create_time=timestamp(card.create_time),
        update_time=timestamp(card.update_time),
    )
    if card.expiry:
        message.expiry_year, message.expiry_month = divmod(card.expiry, 100)
    if card.expire_time or card.status == "DELETED":
        _removal(message, card)
    if card.holds:
        message.holds.extend(holds_out(card))
    if card.stored_credentials:
        message.stored_credentials.extend(map(agreement_out, stored_credentials_of(card)))
    if card.metadata:
        message.metadata.update(metadata_of(card))
    if card.details:
        _details(message, card)
    return message


def _removal(message: pb.Card, card: Card) -> None:
    if card.expire_time:
        message.expire_time.FromMicroseconds(card.expire_time)
    if card.status == "DELETED":
        message.delete_time.FromMicroseconds(card.update_time)
    if card.purge_time:
        message.erase_time.FromMicroseconds(card.purge_time)


def _details(message: pb.Card, card: Card) -> None:
    details = details_of(card)
    if details.get("funding"):
        message.funding = FUNDING.number[details["funding"]]  # type: ignore[assignment]
    if details.get("issuer_country"):
        message.issuer_country = details["issuer_country"]
    if details.get("par"):
        message.par = details["par"]


def holds_out(card: Card) -> list[pb.Hold]:
    """Return a card's holds, sorted."""
    return [
        pb.Hold(type=HOLD.number[hold.type], merchant_account=hold.merchant_account)  # type: ignore[arg-type]
        for hold in sorted(holds_of(card))
    ]


def agreement_out(row: StoredCredential) -> pb.StoredCredential:
    """Return one merchant account's agreement."""
    return pb.StoredCredential(
        merchant_account=row.merchant_account,
        network_transaction_ids=dict(row.network_transaction_ids),
        agreement=AGREEMENT.number.get(row.agreement, 0),  # type: ignore[arg-type]
        initiator=INITIATOR.number.get(row.initiator, 0),  # type: ignore[arg-type]
        consent_time=timestamp(row.consent_time),
        consent_reference=row.consent_reference,
        withdraw_time=timestamp(row.withdraw_time),
    )


def version_out(card: Card, version: Version, view: View, now: int) -> pb.CardVersion:
    """Return one version: the card's lasting facts with that version's number and expiry."""
    then = card._replace(
        credential_version=version.credential_version,
        brand=version.brand,
        bin=version.bin,
        last4=version.last4,
        expiry=version.expiry,
        fingerprint=version.fingerprint,
        expiry_unconfirmed=False,
    )
    return _version(then, version.cause, version.create_time, version.source, view, now)


def current_version_out(card: Card, view: View, now: int) -> pb.CardVersion:
    """Return the version that the card is at."""
    return _version(card, card.version_cause, card.version_time, card.version_source, view, now)


def _version(
    card: Card, cause: str, time: int, source: str, view: View, now: int
) -> pb.CardVersion:
    message = pb.CardVersion(
        credential_version=card.credential_version,
        card=masked(card, view, now),
        cause=CAUSE.number.get(cause, 0),  # type: ignore[arg-type]
        create_time=timestamp(time),
    )
    channel, _, file = source.partition("/")
    if channel:
        message.source.update.channel = channel
        message.source.update.file = file
    return message


def revealed(contents: Contents) -> pb.CardDetails:
    """Return a card in the clear. Exists only between the audit's commit and the reply."""
    details = pb.CardDetails(number=contents.pan.reveal(), cardholder_name=contents.cardholder_name)
    if contents.expiry is not None:
        details.expiry_month, details.expiry_year = contents.expiry.month, contents.expiry.year
    if contents.billing_address:
        json_format.ParseDict(json.loads(contents.billing_address), details.billing_address)
    return details


def address_text(address: PostalAddress) -> str:
    """Return the canonical JSON of an address, which is what is sealed."""
    fields = json_format.MessageToDict(address)
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
