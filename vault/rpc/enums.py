"""Enum names to numbers and back: the domain's values are the proto's names without prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cardvault.vault.v1 import (
    card_pb2,
    error_reason_pb2,
    update_pb2,
    vault_service_pb2,
)
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


class Names:
    """Both directions of one enum. Unset and unknown numbers are the empty name."""

    __slots__ = ("name", "number")

    def __init__(self, enum: EnumTypeWrapper, prefix: str) -> None:
        self.number: Final[Mapping[str, int]] = {
            name.removeprefix(prefix): number for name, number in enum.items() if number
        }
        self.name: Final[Mapping[int, str]] = {
            number: name for name, number in self.number.items()
        } | {0: ""}


KIND: Final = Names(card_pb2.CardKind, "CARD_KIND_")
STATUS: Final = Names(card_pb2.CardStatus, "CARD_STATUS_")
HOLD: Final = Names(card_pb2.HoldType, "HOLD_TYPE_")
AGREEMENT: Final = Names(card_pb2.Agreement, "AGREEMENT_")
INITIATOR: Final = Names(card_pb2.Initiator, "INITIATOR_")
BRAND: Final = Names(card_pb2.Brand, "BRAND_")
FUNDING: Final = Names(card_pb2.Funding, "FUNDING_")
FORMAT: Final = Names(card_pb2.TokenFormat, "TOKEN_FORMAT_")
CAUSE: Final = Names(card_pb2.ChangeCause, "CHANGE_CAUSE_")
OUTCOME: Final = Names(update_pb2.UpdateOutcome, "UPDATE_OUTCOME_")
DISPOSITION: Final = Names(update_pb2.Disposition, "DISPOSITION_")
REVERT_DISPOSITION: Final = Names(update_pb2.RevertDisposition, "REVERT_DISPOSITION_")
REASON: Final = Names(error_reason_pb2.ErrorReason, "ERROR_REASON_")
ON_EXISTING: Final = Names(vault_service_pb2.OnExisting, "ON_EXISTING_")
