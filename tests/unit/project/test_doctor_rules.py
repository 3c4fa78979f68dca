"""Every rule of doctor's has an id of its own, a test that finds it, and a line on its page."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

from chassis.doctor.finding import Rule
from tools import doctor_page
from updater.doctor.service import RULES as UPDATERS
from vault.doctor.service import RULES as VAULTS

ROOT = Path(__file__).parents[3]
RULES = {rule.id: rule for rule in (*VAULTS, *UPDATERS)}
TESTS = "\n".join(
    path.read_text("utf-8")
    for path in chain(
        (ROOT / "tests/parts/doctor").glob("test_*.py"),
        (ROOT / "tests/unit").glob("*/doctor/test_*.py"),
        (ROOT / "tests/unit/updater").glob("test_doctor.py"),
    )
)


@pytest.mark.parametrize("rules", [VAULTS, UPDATERS], ids=["vault", "updater"])
def test_an_id_is_one_rules(rules: tuple[Rule, ...]) -> None:
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", rule.id) for rule in rules)
    assert all(rule.must and rule.breaks and rule.how for rule in rules)


def test_every_rule_in_the_sources_is_listed() -> None:
    sources = chain.from_iterable(
        (ROOT / place / "doctor").glob("*.py") for place in ("chassis", "vault", "updater")
    )
    made = {
        name
        for path in sources
        for name in re.findall(r'= Rule\(\s*"([A-Z0-9_]+)"', path.read_text("utf-8"))
    }
    assert made == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_test_finds_it(name: str) -> None:
    assert f'"{name}"' in TESTS


def test_the_page_is_fresh() -> None:
    assert doctor_page.PAGE.read_text("utf-8") == doctor_page.page()
