from pathlib import Path

import pytest

from updater.simulator.errors import SimulatorError
from updater.simulator.ledger import Outcome
from updater.simulator.script import Script, read_script

WHOLE = """
rates: {CUR: 90, BRAND: 10}
supported_brands: [visa, jcb]
overrides:
  - {ending: "0042", outcome: ACL}
  - {reference: "ref-2", outcome: NED}
  - {ordinal: 3, outcome: BRAND}
"""


def script(tmp_path: Path, text: str) -> Script:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    return read_script(path)


def test_a_script_sets_rates_brands_and_overrides(tmp_path: Path) -> None:
    found = script(tmp_path, WHOLE)
    assert dict(found.rates.shares) == {Outcome.CURRENT: 90, Outcome.BRAND_CHANGE: 10}
    assert found.supported_brands == {"visa", "jcb"}
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
        ("surprise: 1", "mapping"),
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
        ("x: " + "y" * 1_000_001, "megabyte"),
    ],
    ids=lambda value: value[:24].strip(),
)
def test_a_bad_script_is_refused_by_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SimulatorError, match=says):
        script(tmp_path, text)
