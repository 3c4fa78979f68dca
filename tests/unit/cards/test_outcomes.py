"""The vocabulary of outcomes: complete, in the spec's order, and its groups disjoint."""

from cards.outcomes import (
    ANSWERS,
    BRINGS_EXPIRY,
    BRINGS_NUMBER,
    CONFIRMS_NOTHING_NEW,
    COULD_NOT_ASK,
    ENDS_OR_PAUSES,
    HOLDS,
    SAYS_NOTHING,
    Outcome,
)

# account-updater.md, section B, as it stands there.
SPEC = (
    "PAN_UPDATED · EXPIRY_UPDATED · BRAND_CHANGED · CORRECTED · CLOSED · CONTACT_CARDHOLDER · "
    "CLOSED_OR_CONTACT · OPTED_OUT · STOP_RECURRING · VALID_NO_CHANGE · NO_MATCH · "
    "NOT_PARTICIPATING · UPDATE_EXPIRED · UNSUPPORTED · REJECTED_INPUT · REJECTED_MERCHANT · "
    "REJECTED_DUPLICATE · CHANNEL_ERROR · UNANSWERED · UNKNOWN"
)


def test_outcomes_are_those_of_the_spec_in_its_order() -> None:
    assert [outcome.value for outcome in Outcome] == SPEC.split(" · ")
    assert all(outcome.value == outcome.name for outcome in Outcome)


def test_every_outcome_is_an_answer_or_not_asked_or_silent() -> None:
    groups = [ANSWERS, COULD_NOT_ASK, SAYS_NOTHING]
    assert sorted(member for group in groups for member in group) == sorted(Outcome)


def test_every_answer_has_one_effect() -> None:
    groups = [BRINGS_EXPIRY, ENDS_OR_PAUSES, HOLDS, CONFIRMS_NOTHING_NEW]
    assert sorted(member for group in groups for member in group) == sorted(ANSWERS)


def test_what_brings_a_number_may_bring_an_expiry_and_one_brings_only_that() -> None:
    assert {Outcome.EXPIRY_UPDATED} == BRINGS_EXPIRY - BRINGS_NUMBER
    assert BRINGS_NUMBER < BRINGS_EXPIRY
    assert Outcome.CLOSED not in BRINGS_NUMBER  # issuers do fill the field on C: section 1.6
