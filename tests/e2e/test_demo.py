"""`make demo` with fewer cards, and what it does when something is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from tools.demo.__main__ import run_demo
from tools.demo.cards import make_cards, make_load
from tools.demo.claims import Claims
from tools.demo.story import Plan


@pytest.mark.slow
async def test_every_claim_of_the_demo_holds(tmp_path: Path) -> None:
    said = io.StringIO()
    good = await run_demo(Plan(cards=300, load=60), tmp_path, Console(file=said, width=200))
    text = said.getvalue()
    plan = [*make_cards(300, Plan().seed), *make_load(60)]
    leaked = any(card.number in text for card in plan)
    assert not leaked
    assert good, text
    assert "All 23 claims held." in text


def test_a_broken_claim_breaks_the_demo() -> None:
    said = io.StringIO()
    claims = Claims(Console(file=said, width=100))
    claims.claim("water is wet", holds=True)
    claims.claim("the moon is cheese", holds=False, why_not="rock")
    assert not claims.verdict()
    assert "✓ water is wet" in said.getvalue()
    assert said.getvalue().count("✗ the moon is cheese") == 2
    assert "rock" in said.getvalue()


def test_the_cards_are_many_different_and_of_all_kinds() -> None:
    cards = make_cards(1_200, Plan().seed)
    numbers = {card.number for card in [*cards, *make_load(600)]}
    assert len(numbers) == 1_800
    assert len({card.brand for card in cards}) == 6
    assert {card.asked for card in cards} == {True, False}
    assert all(card.agreement for card in cards)
