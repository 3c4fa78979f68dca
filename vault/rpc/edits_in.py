"""What an UpdateCard asks for: its mask resolved (AIP-134), its values checked."""

from __future__ import annotations

from cardvault.vault.v1 import vault_service_pb2 as pb

from vault.domain.intents import EditCard
from vault.domain.reasons import Reason, VaultError
from vault.rpc.requests_in import (
    address_in,
    agreements_in,
    expiry_in,
    metadata_in,
    no_number_in_text,
    pan_in,
)


def edit_in(request: pb.UpdateCardRequest) -> EditCard:
    """Return the change that a request means. Raises VaultError."""
    mask = _mask(request)
    if not mask:
        raise VaultError(Reason.UPDATE_MASK_INVALID, "update_mask")
    expiry = expiry_in(request.card, "card")
    number = request.card.number
    if "card.number" in mask and not number:
        raise VaultError(Reason.UPDATE_MASK_INVALID, "card.number")
    return EditCard(
        token=request.token,
        expected_revision=request.expected_revision,
        mask=mask,
        pan=pan_in(number, "card.number") if "card.number" in mask else None,
        expiry=expiry.as_int if expiry and "card.expiry" in mask else 0,
        cardholder_name=no_number_in_text(request.card.cardholder_name, "card.cardholder_name")
        if "card.cardholder_name" in mask
        else "",
        billing_address=address_in(request.card, "card") if "card.billing_address" in mask else "",
        stored_credentials=agreements_in(request.stored_credentials)
        if "stored_credentials" in mask
        else (),
        metadata=metadata_in(request.metadata) if "metadata" in mask else (),
    )


def _mask(request: pb.UpdateCardRequest) -> frozenset[str]:
    """Return the fields to change; month and year count as one, `card` as what is set in it."""
    paths = set(request.update_mask.paths)
    if not paths:
        paths = _set_in_card(request)
        paths |= {"stored_credentials"} if request.stored_credentials else set()
        paths |= {"metadata"} if request.metadata else set()
    elif "card" in paths:
        paths = (paths - {"card"}) | _set_in_card(request)
    months = paths & {"card.expiry_month", "card.expiry_year"}
    if months:
        paths = (paths - months) | {"card.expiry"}
    return frozenset(paths)


def _set_in_card(request: pb.UpdateCardRequest) -> set[str]:
    if not request.HasField("card"):
        return set()
    return {f"card.{field.name}" for field, _value in request.card.ListFields()}
