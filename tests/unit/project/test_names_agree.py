"""Names that stand in two places agree: domain and protos, chassis and protos, both services."""

from collections.abc import Iterable

import pytest
from cardvault.vault.v1 import card_pb2, error_reason_pb2, update_pb2

from cards.brands import Brand
from cards.outcomes import Outcome
from chassis.status import CHASSIS_REASONS
from vault.domain.card import Agreement, Cause, HoldType, Kind, Status, TokenFormat
from vault.domain.reasons import Reason
from vault.domain.results import Disposition
from vault.rpc.errors import ANSWERS


@pytest.mark.parametrize(
    ("domain", "proto", "prefix"),
    [
        (Kind, card_pb2.CardKind, "CARD_KIND_"),
        (Status, card_pb2.CardStatus, "CARD_STATUS_"),
        (HoldType, card_pb2.HoldType, "HOLD_TYPE_"),
        (TokenFormat, card_pb2.TokenFormat, "TOKEN_FORMAT_"),
        (Agreement, card_pb2.Agreement, "AGREEMENT_"),
        (Brand, card_pb2.Brand, "BRAND_"),
        (Cause, card_pb2.ChangeCause, "CHANGE_CAUSE_"),
        (Outcome, update_pb2.UpdateOutcome, "UPDATE_OUTCOME_"),
        (Disposition, update_pb2.Disposition, "DISPOSITION_"),
    ],
)
def test_a_domain_enum_is_its_protos(domain: Iterable[str], proto: object, prefix: str) -> None:
    names = {name.removeprefix(prefix) for name, number in proto.items() if number}  # type: ignore[attr-defined]
    assert {str(member) for member in domain} == names


def test_every_reason_is_in_the_protos_and_has_an_answer() -> None:
    known = {
        name.removeprefix("ERROR_REASON_") for name, _number in error_reason_pb2.ErrorReason.items()
    }
    assert {reason.value for reason in Reason} <= known
    assert {name.removeprefix("ERROR_REASON_") for name in CHASSIS_REASONS} <= known
    assert set(ANSWERS) == set(Reason)
