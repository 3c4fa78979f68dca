"""When a card is asked about, and why not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cards.brands import Brand
from updater.domain.enrolment import (
    AskingPolicy,
    CardStatus,
    Enrolment,
    EnrolmentState,
    NotAsked,
    why_not_asked,
)

DAY = 86_400_000_000
NOW = 100 * DAY
FRESH = Enrolment("demo", "tok_1", "shop", 1, fpan=True, status=CardStatus.ACTIVE, brand=Brand.VISA)
CHECKED = replace(FRESH, asked_at=NOW - 10 * DAY, asked_version=1, checked_at=NOW - 8 * DAY)
POLICY = AskingPolicy()

CASES: dict[str, tuple[Enrolment, NotAsked | None]] = {
    "never asked": (FRESH, None),
    "ended": (replace(FRESH, enrolled=False), NotAsked.ENDED),
    "not an FPAN": (replace(FRESH, fpan=False), NotAsked.NOT_AN_ACTIVE_FPAN),
    "closed": (replace(FRESH, status=CardStatus.CLOSED), NotAsked.NOT_AN_ACTIVE_FPAN),
    "not covered": (replace(FRESH, covered=False), NotAsked.NOT_COVERED),
    "opted out": (replace(FRESH, opted_out=True), NotAsked.OPTED_OUT),
    "other brand": (replace(FRESH, brand=Brand.JCB), NotAsked.BRAND_NOT_SERVED),
    "awaited": (replace(FRESH, open_batch="1"), NotAsked.ANSWER_AWAITED),
    "checked lately": (CHECKED, NotAsked.NOT_DUE),
    "checked long ago": (
        replace(CHECKED, asked_at=NOW - 29 * DAY, checked_at=NOW - 28 * DAY),
        None,
    ),
    "asked and never answered": (replace(CHECKED, checked_at=None), None),
    "asked a moment ago": (
        replace(CHECKED, asked_at=NOW - DAY, checked_at=None),
        NotAsked.ASKED_RECENTLY,
    ),
    "new contents": (replace(CHECKED, credential_version=2), None),
    "new contents too often": (
        replace(CHECKED, credential_version=9, chain=8, asked_at=NOW - DAY),
        NotAsked.ASKED_RECENTLY,
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_card_is_asked_about_when_it_is_due(case: str) -> None:
    card, expected = CASES[case]
    assert why_not_asked(card, POLICY, NOW) is expected


def test_the_limits_are_the_policys() -> None:
    eager = AskingPolicy(every=timedelta(days=9), not_again_within=timedelta(days=2))
    assert why_not_asked(CHECKED, eager, NOW) is None


def test_states_are_what_was_wanted_and_what_the_vault_says() -> None:
    assert FRESH.state is EnrolmentState.ACTIVE
    assert replace(FRESH, covered=False).state is EnrolmentState.SUSPENDED
    assert replace(FRESH, status=CardStatus.NEEDS_CARDHOLDER).state is EnrolmentState.SUSPENDED
    assert replace(FRESH, status=CardStatus.DELETED).state is EnrolmentState.ENDED
    assert replace(FRESH, enrolled=False).state is EnrolmentState.ENDED
