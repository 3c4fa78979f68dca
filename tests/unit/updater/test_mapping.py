"""The one table of codes, and what the data has to say about them."""

from itertools import product

import pytest

from cards.brands import Brand
from cards.outcomes import BRINGS_EXPIRY, Outcome
from updater.domain.dispositions import NEVER_SENT
from updater.domain.mapping import (
    CYBERSOURCE,
    TABLE,
    Datum,
    Key,
    Level,
    Network,
    Note,
    Verdict,
    judge,
    network_of,
    outcome_of,
)
from updater.files.cybersource_records import CHANNEL, KnownCode

# Sections 4.1 and B, written out once more: (code, reason) to outcome.
EXPECTED = {
    ("NAN", "800"): "PAN_UPDATED",
    ("NED", "800"): "EXPIRY_UPDATED",
    ("ACL", "800"): "CLOSED",
    ("CCH", "800"): "CONTACT_CARDHOLDER",
    ("CUR", "800"): "VALID_NO_CHANGE",
    ("NUP", "800"): "NO_MATCH",
    ("UNA", "800"): "NOT_PARTICIPATING",
    **dict.fromkeys(
        [("DEC", r) for r in ("801", "802", "803", "805", "850", "851", "852")], "REJECTED_INPUT"
    ),
    **dict.fromkeys([("DEC", "804"), ("DEC", "806"), ("ERR", "804")], "UNSUPPORTED"),
    **dict.fromkeys([("DEC", "810"), ("ERR", "807")], "REJECTED_MERCHANT"),
    ("DEC", "853"): "REJECTED_DUPLICATE",
    **dict.fromkeys([("ERR", r) for r in ("801", "802", "803", "808", "811")], "REJECTED_INPUT"),
    ("ERR", "809"): "CHANNEL_ERROR",
}


def key(code: str, reason: str, network: Network = Network.VISA) -> Key:
    return Key(CYBERSOURCE, network, Level.RECORD, code, reason)


@pytest.mark.parametrize(("code", "reason"), EXPECTED, ids=str)
def test_published_codes_say_what_the_specification_says(code: str, reason: str) -> None:
    assert outcome_of(key(code, reason)) is Outcome(EXPECTED[code, reason])


def test_amex_codes_count_for_amex_only() -> None:
    assert outcome_of(key("DEC", "862", Network.AMEX)) is Outcome.OPTED_OUT
    assert outcome_of(key("DEC", "861", Network.AMEX)) is Outcome.REJECTED_DUPLICATE
    assert outcome_of(key("DEC", "862")) is Outcome.UNKNOWN


def test_what_the_table_does_not_know_is_unknown() -> None:
    assert outcome_of(key("ZZZ", "800")) is Outcome.UNKNOWN
    assert outcome_of(key("NAN", "999")) is Outcome.UNKNOWN
    file_level = Key(CYBERSOURCE, Network.VISA, Level.FILE, "NAN", "800")
    assert outcome_of(file_level) is Outcome.UNKNOWN
    other = Key("other-channel", Network.VISA, Level.RECORD, "NAN", "800")
    assert outcome_of(other) is Outcome.UNKNOWN


def test_table_and_codec_know_the_same_channel_and_codes() -> None:
    assert CHANNEL == CYBERSOURCE
    assert {each.code for each in TABLE} == set(KnownCode)


def test_networks_follow_brands() -> None:
    assert network_of(Brand.MAESTRO) is Network.MASTERCARD
    assert network_of(Brand.DINERS) is Network.DISCOVER
    assert network_of(Brand.ELO) is Network.ANY


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
