"""Each disturbance, alone: it is there at its rate, and nothing else is disturbed."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.simulator.disturbed import (
    CARDS,
    HOW_MANY,
    MIXED,
    NEWS,
    NO_NEWS,
    arrived,
    files,
    near,
    rows,
    script,
)
from tests.unit.simulator.exchange_site import Site
from tests.unit.simulator.readers import NOTHING, Seen, read
from tests.unit.simulator.requests import CS, GP, MES, request
from updater.simulator.ledger import Outcome, Rates


@pytest.fixture
def straight(tmp_path: Path) -> Sequence[Seen]:
    """Return what comes undisturbed."""
    return rows(tmp_path / "straight", script(MIXED))


@pytest.mark.parametrize(("name", "news"), [("omit", False), ("omit_news", True)])
def test_omitted_rows_are_not_sent(
    tmp_path: Path, straight: Sequence[Seen], name: str, news: bool
) -> None:
    found = rows(tmp_path, script(MIXED, **{name: 25.0}))
    same = [row for row in straight if row in set(found)] == list(found)
    assert same
    missing = [row for row in straight if row not in set(found)]
    assert all((row.says != NOTHING) == news for row in missing)
    assert near(len(missing), 25, sum((row.says != NOTHING) == news for row in straight))


def test_duplicate_rows_stand_twice_to_the_letter(tmp_path: Path, straight: Sequence[Seen]) -> None:
    site = Site(tmp_path)
    site.send(request(CS, CARDS))
    [file] = site.deliver_all(script=script(MIXED, duplicate_rows=30))
    counts = Counter(file.text.split(b"\n")[1:-2])
    assert set(counts.values()) == {1, 2}
    assert near(sum(count == 2 for count in counts.values()), 30)
    same = set(read(CS, file.text).rows) == set(straight)
    assert same


def test_repeated_rows_come_again_on_the_next_day(tmp_path: Path) -> None:
    first, second = files(tmp_path, script(MIXED, repeat_rows=20))
    assert set(second.rows) <= set(first.rows)
    assert near(len(second.rows), 20)


def test_a_row_that_is_repeated_says_so_where_the_format_can(tmp_path: Path) -> None:
    first, second = arrived(tmp_path, script(MIXED, repeat_rows=20), form=GP)
    flags = [
        {line[72:73] for line in file.text.split(b"\n") if line[:2] == b"DI"}
        for file in (first, second)
    ]
    assert flags == [{b"N"}, {b"Y"}]


def test_reordered_rows_take_each_others_places(tmp_path: Path, straight: Sequence[Seen]) -> None:
    found = rows(tmp_path, script(MIXED, reorder=30))
    same = sorted(found) == sorted(straight)
    assert same
    assert near(sum(a != b for a, b in zip(found, straight, strict=True)), 30)


@pytest.mark.parametrize("count", [2, 3])
def test_reordering_all_of_a_few_rows_does_move_them(tmp_path: Path, count: int) -> None:
    for seed in range(5):
        site = Site(tmp_path / str(seed))
        site.send(request(CS, CARDS[:count]))
        site.run(seed=seed, script=script(MIXED, reorder=100))
        references = [row.reference for row in site.response()]
        assert sorted(references) == [f"ref-{n}" for n in range(1, count + 1)]
        assert references != sorted(references)


@pytest.mark.parametrize("form", [CS, GP])
def test_contradicted_cards_have_two_rows_in_one_file(tmp_path: Path, form: str) -> None:
    plain = rows(tmp_path / "plain", script(MIXED), form=form)
    found = rows(tmp_path / "contradicted", script(MIXED, contradict=10), form=form)
    extra = [row for row in found if row not in set(plain)]
    assert [row for row in found if row in set(plain)] == list(plain)
    assert near(len(extra), 10)
    assert {row.code for row in extra} == {"NAN" if form == CS else "A"}
    assert {row.old for row in extra} <= {row.old for row in plain}
    fresh = {row.new for row in extra}.isdisjoint(row.new for row in plain)
    assert fresh


def test_unknown_codes_stand_in_place_of_no_news(tmp_path: Path, straight: Sequence[Seen]) -> None:
    found = rows(tmp_path, script(MIXED, unknown_codes=50))
    changed = [(a.code, b.code) for a, b in zip(straight, found, strict=True) if a.code != b.code]
    assert set(changed) == {("CUR", "ZZZ")}
    assert near(len(changed), 50, sum(row.code == "CUR" for row in straight))


@pytest.mark.parametrize(("form", "code"), [(CS, "ACL"), (GP, "C"), (MES, "CLOSED")])
def test_closed_rows_may_bring_a_number_nobody_should_use(
    tmp_path: Path, form: str, code: str
) -> None:
    found = rows(tmp_path, script(MIXED, closed_with_number=50), form=form)
    closed = [row for row in found if row.code == code]
    assert near(sum(bool(row.new) for row in closed), 50, len(closed))


@pytest.mark.parametrize("form", [CS, GP, MES])
def test_unasked_rows_are_about_numbers_nobody_asked_about(tmp_path: Path, form: str) -> None:
    plain = rows(tmp_path / "plain", script(MIXED), form=form)
    found = rows(tmp_path / "more", script(MIXED, unasked=10), form=form)
    extra = [row for row in found if row not in set(plain)]
    assert near(len(extra), 10)
    assert len(found) == len(plain) + len(extra)
    asked = {card.reveal() for card in CARDS} | {row.new for row in plain}
    strange = asked.isdisjoint({row.old for row in extra} | {row.new for row in extra if row.new})
    assert strange
    known = {row.reference for row in plain}
    assert form == GP or known.isdisjoint(row.reference for row in extra)
    assert len({row.says for row in extra}) == 2


def test_chains_are_told_step_by_step_in_one_file(tmp_path: Path) -> None:
    found = rows(tmp_path, script(NEWS, chains=30))
    asked = {card.reveal() for card in CARDS}
    later = [row for row in found if row.old not in asked]
    continued = {row.new for row in found}.issuperset(row.old for row in later)
    assert continued
    steps = Counter(row.reference for row in found)
    assert near(sum(count > 1 for count in steps.values()), 30)
    assert max(steps.values()) <= 4
    for first, second in pairwise(found):
        if second.old not in asked:  # each step follows the one before
            linked = second.old == first.new and second.reference == first.reference
            assert linked
            kept = second.old_expiry == (first.new_expiry or first.old_expiry)
            assert kept


def test_reversed_chains_begin_with_their_last_step(tmp_path: Path) -> None:
    found = rows(tmp_path, script(NEWS, chains=100, chain_reversed=40))
    asked = {card.reveal() for card in CARDS}
    firsts = {row.reference: row for row in reversed(found)}.values()
    assert near(sum(row.old not in asked for row in firsts), 40)


def test_a_cut_chain_lacks_its_first_step(tmp_path: Path) -> None:
    found = rows(tmp_path, script(NEWS, chains=100, chain_cuts=20))
    told = {row.old for row in found}
    assert near(sum(card.reveal() not in told for card in CARDS), 20)
    assert len({row.reference for row in found}) == HOW_MANY


def test_spread_chains_are_told_a_step_a_day(tmp_path: Path) -> None:
    days = files(tmp_path, script(NEWS, chains=100, chain_spread=100))
    assert [len(day.rows) for day in days] == [HOW_MANY] * 4
    for before, after in pairwise(days):
        linked = {row.old for row in after.rows} == {row.new for row in before.rows}
        assert linked


def test_cycles_give_the_first_number_back(tmp_path: Path) -> None:
    found = rows(tmp_path, script(NEWS, cycles=15))
    asked = {card.reveal() for card in CARDS}
    back = [row for row in found if row.new in asked]
    ways = {(row.old, row.new) for row in found}
    assert near(len(back), 15)
    both = all((row.new, row.old) in ways for row in back)
    assert both


def test_corrections_come_a_day_later_with_discovers_code(tmp_path: Path) -> None:
    rates = Rates({Outcome.NEW_NUMBER: 50, Outcome.NEW_EXPIRY: 50})
    [plain] = files(tmp_path / "plain", script(rates), form=GP, flag="D")
    first, second = files(tmp_path / "more", script(rates, corrections=20), form=GP, flag="D")
    assert {row.code for row in second.rows} == {"O"}
    right = {row.old: row for row in plain.rows if row.says != NOTHING}
    wrong = {row.old: row for row in first.rows if row != right.get(row.old)}
    assert near(len(second.rows), 20, len(right))
    taken_back = 0
    for row in second.rows:
        truth, before = right[row.old], wrong[row.old]
        assert before.code == truth.code
        differs = (before.new, before.new_expiry) != (row.new, row.new_expiry)
        assert differs
        back = (row.new, row.new_expiry) == (row.old, row.old_expiry)
        taken_back += back
        settled = back or (row.new, row.new_expiry) == (truth.new or row.old, truth.new_expiry)
        assert settled
    assert near(taken_back, 33, len(second.rows))


def test_visas_answers_are_never_corrected(tmp_path: Path) -> None:
    [only] = files(tmp_path, script(NEWS, corrections=100), form=GP, flag="V")
    assert {row.code for row in only.rows} == {"A"}


def test_a_burst_closes_nine_cards_in_ten(tmp_path: Path) -> None:
    found = rows(tmp_path, script(NO_NEWS, closed_bursts=100))
    assert near(sum(row.code == "ACL" for row in found), 90)
