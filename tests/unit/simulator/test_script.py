from pathlib import Path

import pytest

from updater.simulator.disturbances import RATES, SWITCHES, Disturbances
from updater.simulator.errors import SimulatorError
from updater.simulator.formats import DEFAULT_FORMAT, FORMATS
from updater.simulator.ledger import Outcome
from updater.simulator.script import Script
from updater.simulator.script_file import read_script

WHOLE = """
rates: {CUR: 90, BRAND: 10}
supported_brands: [visa, jcb]
days: [60, 30.5, 9.5]
chains: 20
omit: 2.5
redeliver: false
overrides:
  - {ending: "0042", outcome: ACL}
  - {reference: "ref-2", outcome: NED}
  - {ordinal: 3, outcome: BRAND}
"""


def script(tmp_path: Path, text: str, form: str = DEFAULT_FORMAT) -> Script:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    return read_script(path, FORMATS[form])


def test_a_script_sets_rates_brands_and_overrides(tmp_path: Path) -> None:
    found = script(tmp_path, WHOLE)
    assert dict(found.rates.shares) == {Outcome.CURRENT: 90, Outcome.BRAND_CHANGE: 10}
    assert list(found.days) == [60, 30.5, 9.5]
    assert found.disturbances == Disturbances(chains=20, omit=2.5, redeliver=False)
    assert found.supported_brands == frozenset({"visa", "jcb"})
    for record, outcome in (
        (("990042", "ref-2", 3), Outcome.CLOSED),  # the first that fits
        (("990043", "ref-2", 3), Outcome.NEW_EXPIRY),
        (("990043", "ref-3", 3), Outcome.BRAND_CHANGE),
        (("990043", "ref-3", 4), None),
    ):
        digits, reference, ordinal = record
        assert found.demand(digits=digits, reference=reference, ordinal=ordinal) is outcome


def test_a_script_may_leave_everything_out(tmp_path: Path) -> None:
    assert script(tmp_path, "{}") == Script()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "mapping"),
        ("[1]", "mapping"),
        ("rates: [", "mapping"),
        ("\xff\x00", "mapping"),
        ("surprise: 1", "unknown key"),
        ("rates: 5", "rates"),
        ("rates: {CUR: many}", "rates"),
        ("rates: {CUR: true}", "rates"),
        ("rates: {CUR: 99}", "rates"),
        ("rates: {XYZ: 100}", "rates"),
        ("supported_brands: visa", "supported_brands"),
        ("supported_brands: [visa, seashells]", "supported_brands"),
        ("supported_brands: [[visa]]", "supported_brands"),
        ("overrides: {}", "overrides"),
        ("overrides: [{outcome: ACL}]", "overrides, 1"),
        ('overrides: [{ending: "1", ordinal: 1, outcome: ACL}]', "overrides, 1"),
        ("overrides: [{ending: 1234, outcome: ACL}]", "overrides, 1"),
        ('overrides: [{ending: "12345", outcome: ACL}]', "overrides, 1"),
        ('overrides: [{ending: "12x", outcome: ACL}]', "overrides, 1"),
        ('overrides: [{bin: "1234", outcome: ACL}]', "overrides, 1"),
        ("overrides: [{reference: 7, outcome: ACL}]", "overrides, 1"),
        ("overrides: [{ordinal: 0, outcome: ACL}]", "overrides, 1"),
        ("overrides: [{ordinal: true, outcome: ACL}]", "overrides, 1"),
        ("overrides: [{ordinal: 1, outcome: GONE}]", "unknown outcome"),
        ("overrides: [{ordinal: 1, outcome: [ACL]}]", "unknown outcome"),
        ("days: 3", "days"),
        ("days: []", "days"),
        ("days: [50, 40]", "days"),
        ("days: [150, -50]", "days"),
        ("days: [true, 99]", "days"),
        ("days: [100" + ", 0" * 30 + "]", "days"),
        ("omit: 101", "omit: a percentage"),
        ("omit: -1", "omit: a percentage"),
        ("omit: yes", "omit: a percentage"),
        ("omit: .nan", "omit: a percentage"),
        ("chains: [1]", "chains: a percentage"),
        ("redeliver: 1", "redeliver: true or false"),
        ("corrections: 1", "corrections: only gp-bigbatch-80"),
        ("visa_opt_outs: true", "visa_opt_outs: only gp-bigbatch-80"),
        ("x: " + "y" * 1_000_001, "megabyte"),
    ],
    ids=lambda value: value[:24].strip(),
)
def test_a_bad_script_is_refused_by_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SimulatorError, match=says):
        script(tmp_path, text)


def test_every_rate_and_switch_can_be_written(tmp_path: Path) -> None:
    text = "\n".join([*(f"{name}: 1" for name in RATES), *(f"{name}: true" for name in SWITCHES)])
    found = script(tmp_path, text, "gp-bigbatch-80").disturbances
    assert all(getattr(found, name) == 1 for name in RATES)
    assert all(getattr(found, name) is True for name in SWITCHES)


def test_equal_scripts_have_one_text_and_others_another(tmp_path: Path) -> None:
    texts = [
        script(tmp_path, WHOLE).text(),
        script(tmp_path, WHOLE.replace("[visa, jcb]", "[jcb, visa]")).text(),
        *(script(tmp_path, f"{name}: 1", "gp-bigbatch-80").text() for name in RATES),
        script(tmp_path, "redeliver: false").text(),
        script(tmp_path, "days: [1, 99]").text(),
        script(tmp_path, "{}").text(),
    ]
    assert texts[0] == texts[1]
    assert len(set(texts[1:])) == len(texts) - 1
