"""Cards on their way out: masked for everybody, in the clear for reveals only."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

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
from vault.domain.reasons import Reason, VaultError
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

MEANINGLESS: Final = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What showing a card raises whose columns are not what was stored."""


class View:
    """What an identity may see of a masked card: the 8-digit BIN and fingerprints are extra."""

    __slots__ = ("bin_digits", "fingerprint")

    def __init__(self, identity: Identity) -> None:
        self.bin_digits = 8 if identity.allows("bin8") else 6
        self.fingerprint = identity.allows("fingerprint")

    @classmethod
    def of(cls, bin_digits: int, *, fingerprint: bool) -> View:
        """Return a view that belongs to nobody."""
        view = cls.__new__(cls)
        view.bin_digits, view.fingerprint = bin_digits, fingerprint
        return view


def masked(card: Card, view: View, now: int) -> pb.Card:
    """Return a card without its number. Raises VaultError(DATA_CORRUPT).

    What a flush answers about has been looked at before (`vault.domain.soundness`); a masked read
    looks at nothing that it does not show.
    """
    try:
        return pb.Card(**masked_fields(card, view, now))
    except MEANINGLESS:
        raise VaultError(Reason.DATA_CORRUPT) from None


def masked_fields(card: Card, view: View, now: int) -> dict[str, Any]:
    """Return what `masked` shows, as fields for the constructor of the message it will be in.

    A reply or event is made from them in one step; a message put into another is copied.
    """
    fields: dict[str, Any] = {
        "token": card.token,
        "revision": card.revision,
        "credential_version": card.credential_version,
        "kind": KIND.number[card.kind],
        "token_format": FORMAT.number[card.token_format],
        "status": STATUS.number[card.status_at(now)],
        "brand": BRAND.number[card.brand],
        "bin": card.bin[: view.bin_digits],
        "last4": card.last4,
        "customer": card.customer,
        "create_time": timestamp(card.create_time),
        "update_time": timestamp(card.update_time),
    }
    if view.fingerprint:
        fields["fingerprint"] = card.fingerprint
    if card.expiry:
        fields["expiry_year"], fields["expiry_month"] = divmod(card.expiry, 100)
    if card.expiry_unconfirmed:
        fields["expiry_unconfirmed"] = True
    if card.expire_time or card.status == "DELETED":
        _removal(fields, card)
    if card.holds:
        fields["holds"] = holds_out(card)
    if card.stored_credentials:
        fields["stored_credentials"] = list(map(agreement_out, stored_credentials_of(card)))
    if card.metadata:
        fields["metadata"] = metadata_of(card)
    if card.details:
        _details(fields, card)
    return fields


def shortened(card: pb.Card) -> pb.Card:
    """Return a card cut down to which it is and where it stands; GetCard has the rest."""
    return pb.Card(
        token=card.token,
        revision=card.revision,
        credential_version=card.credential_version,
        status=card.status,
    )


_WHOLE: Final = View.of(8, fingerprint=True)
VIEW_FORM: Final = hashlib.sha256(b"1" + pb.DESCRIPTOR.serialized_pb).digest()[:8]
"""Names what `encoded_view` makes: raise the number when `masked` changes without card.proto."""


def encoded_view(card: Card) -> bytes:
    """Return all that a masked read may show of a card, whoever asks and whenever."""
    return masked(card, _WHOLE, 0).SerializeToString()


def view_of(shown: Card | bytes, view: View, now: int) -> pb.Card:
    """Return a masked card from the store's, or from its encoded view."""
    if isinstance(shown, Card):
        return masked(shown, view, now)
    message = pb.Card.FromString(shown)
    message.bin = message.bin[: view.bin_digits]
    if not view.fingerprint:
        message.fingerprint = ""
    if message.HasField("expire_time") and message.expire_time.ToMicroseconds() <= now:
        message.status = pb.CARD_STATUS_DELETED
    return message


def _removal(fields: dict[str, Any], card: Card) -> None:
    fields["expire_time"] = timestamp(card.expire_time)
    if card.status == "DELETED":
        fields["delete_time"] = timestamp(card.update_time)
    fields["erase_time"] = timestamp(card.purge_time)


def _details(fields: dict[str, Any], card: Card) -> None:
    details = details_of(card)
    if details.get("funding"):
        fields["funding"] = FUNDING.number[details["funding"]]
    for name in ("issuer_country", "par"):
        if details.get(name):
            fields[name] = details[name]


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


def revealed_fields(contents: Contents) -> dict[str, Any]:
    """Return a card in the clear, as `CardDetails`' fields.

    Exists only between the audit's commit and the reply.
    """
    fields: dict[str, Any] = {
        "number": contents.pan.reveal(),
        "cardholder_name": contents.cardholder_name,
    }
    if contents.expiry is not None:
        fields["expiry_month"], fields["expiry_year"] = (
            contents.expiry.month,
            contents.expiry.year,
        )
    if contents.billing_address:
        fields["billing_address"] = json_format.ParseDict(
            json.loads(contents.billing_address), PostalAddress()
        )
    return fields


def address_text(address: PostalAddress) -> str:
    """Return the canonical JSON of an address, which is what is sealed."""
    fields = json_format.MessageToDict(address)
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
