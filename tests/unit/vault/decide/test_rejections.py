"""Answers that may not touch a card: refused with the reason and field that a caller is told."""

from __future__ import annotations

from typing import Any

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import COVERED, DecideBench, answer, new_card
from vault.domain.card import Kind
from vault.domain.outcome import Applied
from vault.domain.reasons import Reason
from vault.domain.results import UpdateResult

RENEWED, EXTENDED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED
INVALID, NUMBER = Reason.INVALID_UPDATE, Reason.CARD_NUMBER_INVALID

#   the card, the answer, and the reason and field that refuse it
CASES: list[tuple[dict[str, Any], dict[str, Any], Reason, str]] = [
    ({}, {"outcome": RENEWED}, INVALID, "new_number"),
    ({}, {"outcome": Outcome.BRAND_CHANGED, "expiry": 203312}, INVALID, "new_number"),
    ({}, {"outcome": Outcome.CORRECTED}, INVALID, "new_number"),
    ({}, {"outcome": EXTENDED}, INVALID, "new_expiry"),
    ({}, {"outcome": EXTENDED, "number": 2}, INVALID, "new_expiry"),
    ({}, {"outcome": RENEWED, "number_unusable": True}, NUMBER, "new_number"),
    ({}, {"outcome": EXTENDED, "expiry": 203312, "number_unusable": True}, NUMBER, "new_number"),
    ({}, {"outcome": RENEWED, "number": 2, "asked": 0}, INVALID, "version.credential_version"),
    ({}, {"outcome": RENEWED, "number": 2, "asked": 2}, INVALID, "version.credential_version"),
    ({}, {"outcome": Outcome.UNKNOWN}, INVALID, "outcome"),
    ({}, {"outcome": EXTENDED, "expiry": 203104}, Reason.EXPIRY_BACKWARDS, "new_expiry"),
    ({"kind": Kind.DPAN}, {"outcome": RENEWED, "number": 2}, INVALID, "version.token"),
    ({"stored_credentials": ()}, {"outcome": RENEWED, "number": 2}, Reason.NOT_COVERED, ""),
    (
        {"stored_credentials": (COVERED._replace(withdraw_time=5),)},
        {"outcome": Outcome.VALID_NO_CHANGE},
        Reason.NOT_COVERED,
        "",
    ),
]


@pytest.mark.parametrize(("stored", "sent", "reason", "field"), CASES)
def test_an_answer_that_may_not_touch_the_card_is_rejected_with_its_reason(
    stored: dict[str, Any], sent: dict[str, Any], reason: Reason, field: str
) -> None:
    bench = DecideBench()
    before = bench.card(new_card(1, **stored))
    intent = answer(before.token, update_id="u-1", **sent)
    outcome = bench.do(intent)
    assert isinstance(outcome, Applied)
    assert isinstance(outcome.value, UpdateResult)
    told = outcome.value
    assert (told.disposition.value, told.reason, told.field) == ("REJECTED", reason, field)
    assert (told.card, bench.stored(before.token)) == (before, before)
    record = bench.records()[-1]
    assert (record["result"], bool(record["reason"])) == ("rejected", True)
    assert bench.update(intent)[0] == "DUPLICATE"
