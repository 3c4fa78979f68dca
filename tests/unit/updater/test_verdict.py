"""What the data has to say about a code."""

from itertools import product

import pytest

from cards.brands import Brand
from cards.outcomes import BRINGS_EXPIRY, Outcome
from updater.domain.dispositions import NEVER_SENT
from updater.domain.mapping import Datum, Note, Verdict, judge, type_contradicts

PAN, EXPIRY = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED
JUDGED = [
    # mapped, number, brand differs, expiry → verdict
    (PAN, Datum.OTHER, False, Datum.OTHER, Verdict(PAN, True, True)),
    (PAN, Datum.OTHER, False, Datum.SAME, Verdict(PAN, True, True)),
    (PAN, Datum.OTHER, False, Datum.ABSENT, Verdict(PAN, True)),
    (PAN, Datum.OTHER, True, Datum.OTHER, Verdict(Outcome.BRAND_CHANGED, True, True)),
    (
        PAN,
        Datum.SAME,
        False,
        Datum.OTHER,
        Verdict(EXPIRY, False, True, Note.DATA_CONTRADICTS_CODE),
    ),
    (PAN, Datum.SAME, False, Datum.SAME, Verdict(Outcome.VALID_NO_CHANGE, note=Note.NOTHING_NEW)),
    (PAN, Datum.ABSENT, False, Datum.ABSENT, Verdict(Outcome.UNKNOWN, note=Note.DATA_MISSING)),
    (
        PAN,
        Datum.INVALID,
        False,
        Datum.OTHER,
        Verdict(Outcome.REJECTED_INPUT, note=Note.NEW_NUMBER_INVALID),
    ),
    (EXPIRY, Datum.SAME, False, Datum.OTHER, Verdict(EXPIRY, False, True)),
    (EXPIRY, Datum.ABSENT, False, Datum.OTHER, Verdict(EXPIRY, False, True)),
    (
        EXPIRY,
        Datum.OTHER,
        False,
        Datum.OTHER,
        Verdict(PAN, True, True, Note.DATA_CONTRADICTS_CODE),
    ),
    (EXPIRY, Datum.ABSENT, False, Datum.ABSENT, Verdict(Outcome.UNKNOWN, note=Note.DATA_MISSING)),
    (Outcome.CORRECTED, Datum.SAME, False, Datum.OTHER, Verdict(Outcome.CORRECTED, True, True)),
    (Outcome.CORRECTED, Datum.ABSENT, False, Datum.OTHER, Verdict(Outcome.CORRECTED, False, True)),
    (Outcome.CLOSED, Datum.OTHER, True, Datum.OTHER, Verdict(Outcome.CLOSED)),
    (
        Outcome.BRAND_CHANGED,
        Datum.OTHER,
        False,
        Datum.OTHER,
        Verdict(PAN, True, True, Note.DATA_CONTRADICTS_CODE),
    ),
    (
        Outcome.BRAND_CHANGED,
        Datum.OTHER,
        True,
        Datum.OTHER,
        Verdict(Outcome.BRAND_CHANGED, True, True),
    ),
]


@pytest.mark.parametrize(("mapped", "number", "brand", "expiry", "verdict"), JUDGED, ids=str)
def test_data_confirms_or_overrules_the_code(
    *, mapped: Outcome, number: Datum, brand: bool, expiry: Datum, verdict: Verdict
) -> None:
    assert judge(mapped, number=number, brand_differs=brand, expiry=expiry) == verdict


def test_no_verdict_takes_data_that_is_not_there_or_not_its_own() -> None:
    for mapped, number, brand, expiry in product(Outcome, Datum, (False, True), Datum):
        if expiry is Datum.INVALID:
            continue
        verdict = judge(mapped, number=number, brand_differs=brand, expiry=expiry)
        assert not verdict.takes_number or number in {Datum.SAME, Datum.OTHER}
        assert not verdict.takes_expiry or expiry is not Datum.ABSENT
        if verdict.takes_number or verdict.takes_expiry:
            assert verdict.outcome in BRINGS_EXPIRY
            assert verdict.outcome not in NEVER_SENT


BRINGING = sorted(BRINGS_EXPIRY)


@pytest.mark.parametrize("mapped", BRINGING)
@pytest.mark.parametrize("expiry", [Datum.ABSENT, Datum.SAME, Datum.OTHER], ids=str)
def test_a_new_number_of_no_known_brand_changes_nothing(mapped: Outcome, expiry: Datum) -> None:
    verdict = judge(
        mapped, number=Datum.OTHER, brand_differs=True, expiry=expiry, brand_unknown=True
    )
    assert verdict == Verdict(Outcome.REJECTED_INPUT, note=Note.NEW_BRAND_UNKNOWN)


@pytest.mark.parametrize("mapped", BRINGING)
@pytest.mark.parametrize("expiry", [Datum.ABSENT, Datum.SAME, Datum.OTHER], ids=str)
def test_a_test_number_where_none_belongs_changes_nothing(mapped: Outcome, expiry: Datum) -> None:
    verdict = judge(
        mapped, number=Datum.OTHER, brand_differs=False, expiry=expiry, test_number=True
    )
    assert verdict == Verdict(Outcome.REJECTED_INPUT, note=Note.TEST_NUMBER)


def test_what_is_wrong_with_a_number_counts_for_new_ones_only() -> None:
    wrong = {"brand_unknown": True, "test_number": True, "type_differs": True}
    for mapped, number in product(Outcome, (Datum.SAME, Datum.ABSENT)):
        told = judge(mapped, number=number, brand_differs=False, expiry=Datum.OTHER, **wrong)
        assert told == judge(mapped, number=number, brand_differs=False, expiry=Datum.OTHER)
    for mapped in set(Outcome) - BRINGS_EXPIRY:
        told = judge(mapped, number=Datum.OTHER, brand_differs=True, expiry=Datum.OTHER, **wrong)
        assert told == Verdict(mapped)


def test_the_first_thing_wrong_is_what_is_noted() -> None:
    def note(number: Datum, **wrong: bool) -> Note | None:
        told = judge(PAN, number=number, brand_differs=False, expiry=Datum.SAME, **wrong)
        return told.note

    everything = {"brand_unknown": True, "test_number": True, "type_differs": True}
    assert note(Datum.INVALID, **everything) is Note.NEW_NUMBER_INVALID
    assert note(Datum.OTHER, **everything) is Note.NEW_BRAND_UNKNOWN
    assert note(Datum.OTHER, test_number=True, type_differs=True) is Note.TEST_NUMBER
    assert note(Datum.OTHER, type_differs=True) is Note.DATA_CONTRADICTS_CODE
    assert note(Datum.OTHER) is None


@pytest.mark.parametrize("mapped", [PAN, Outcome.BRAND_CHANGED, Outcome.CORRECTED], ids=str)
def test_a_type_that_the_number_contradicts_is_noted_and_the_number_counts(
    mapped: Outcome,
) -> None:
    plain = judge(mapped, number=Datum.OTHER, brand_differs=True, expiry=Datum.OTHER)
    told = judge(
        mapped, number=Datum.OTHER, brand_differs=True, expiry=Datum.OTHER, type_differs=True
    )
    assert plain.note is None
    assert told == Verdict(plain.outcome, True, True, Note.DATA_CONTRADICTS_CODE)


def test_types_are_compared_where_they_are_published() -> None:
    assert type_contradicts("VISA", Brand.MASTERCARD)
    assert type_contradicts("MC", Brand.VISA)
    assert not type_contradicts("VISA", Brand.VISA)
    assert not type_contradicts("MC", Brand.MAESTRO)
    assert not type_contradicts("DISC", Brand.VISA)
    assert not type_contradicts("", Brand.VISA)
    assert not type_contradicts("VISA", None)
