"""The simulator's own clock: when files come, in which order, and that a replay is the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.simulator.exchange_site import Site, number
from tests.unit.simulator.readers import read
from tests.unit.simulator.requests import CS, GP, MES, request
from updater.simulator.clock import SimulatedClock
from updater.simulator.disturbances import Disturbances
from updater.simulator.errors import SimulatorError
from updater.simulator.script import Script

CARDS = [number(counter) for counter in range(400)]
DAY = timedelta(days=1)
THREE_DAYS = Script(days=(60, 30, 10))
ALL_KINDS = Script(
    days=(50, 30, 20),
    disturbances=Disturbances(
        chains=30,
        cycles=5,
        chain_spread=30,
        chain_reversed=30,
        omit=5,
        duplicate_rows=30,
        repeat_rows=10,
        reorder=30,
        contradict=3,
        unasked=2,
        truncate=20,
        wrong_trailer=20,
        duplicate_files=20,
        conflicting_files=20,
    ),
)


@pytest.mark.parametrize(
    ("form", "names"),
    [
        (CS, ["au.response.pan.csv", "au.response.pan.2.csv", "au.response.pan.3.csv"]),
        (GP, ["gp.response.1.txt", "gp.response.2.txt", "gp.response.3.txt"]),
        (MES, ["aus.response.1.txt", "aus.response.2.txt", "aus.response.3.txt"]),
    ],
)
def test_a_days_share_comes_in_a_file_of_its_own(
    tmp_path: Path, form: str, names: list[str]
) -> None:
    site = Site(tmp_path, form)
    begun = site.now
    site.send(request(form, CARDS))
    arrived = site.deliver_all(script=THREE_DAYS)
    assert [file.name for file in arrived] == [f"merchant1.001.{name}.pgp" for name in names]
    assert [file.at for file in arrived] == [begun, begun + DAY, begun + 2 * DAY]
    read_files = [read(form, file.text) for file in arrived]
    told = [row.old for file in read_files for row in file.rows]
    once = len(set(told)) == len(told)
    assert once
    shares = [len(file.rows) / len(told) for file in read_files]
    for share, wanted in zip(shares, (0.6, 0.3, 0.1), strict=True):
        assert abs(share - wanted) < 0.1
    if form == GP:
        times = [file.created[:12] for file in read_files]
        assert times == [f"{begun + n * DAY:%y%m%d%H%M%S}" for n in range(3)]
        assert len({file.created[12:] for file in read_files}) == 3


def test_refused_rows_are_spread_over_the_days_too(site: Site) -> None:
    site.send(request(CS, [f"{n:05}" for n in range(200)]))
    arrived = site.deliver_all(script=THREE_DAYS)
    told = [[row.reference for row in read(CS, file.text).rows] for file in arrived]
    assert sorted(each for day in told for each in day) == sorted(f"ref-{n}" for n in range(1, 201))
    assert [len(each) > 5 for each in told] == [True] * 3


def test_every_days_file_comes_again_under_a_name_of_its_own(site: Site) -> None:
    begun = site.now
    site.send(request(CS, CARDS))
    script = Script(days=(50, 30, 20), disturbances=Disturbances(truncate=100))
    arrived = site.deliver_all(script=script)
    marks = ["", ".4", ".2", ".5", ".3", ".6"]
    assert [file.name for file in arrived] == [site.response_name(mark=mark) for mark in marks]
    hours = [(file.at - begun) / timedelta(hours=1) for file in arrived]
    assert hours == [0, 2, 24, 26, 48, 50]
    whole = [row.old for file in arrived[1::2] for row in read(CS, file.text).rows]
    all_of_them = sorted(whole) == sorted(card.reveal() for card in CARDS)
    assert all_of_them


def test_nothing_comes_before_its_time(site: Site) -> None:
    site.send(request(CS, CARDS))
    with site.simulator(script=THREE_DAYS) as acquirer:
        assert [answer.number for answer in acquirer.answer_pending()] == [1]
        due = acquirer.next_due()
        assert due == site.now + DAY
        site.now = due - timedelta(microseconds=1)
        assert list(acquirer.answer_pending()) == []
        site.now = due
        assert [answer.number for answer in acquirer.answer_pending()] == [2]
        site.now += 10 * DAY
        assert [answer.number for answer in acquirer.answer_pending()] == [3]
        assert acquirer.next_due() is None


def test_what_is_overdue_comes_at_once_in_the_order_in_which_it_was_due(site: Site) -> None:
    for batch in ("001", "002"):
        site.send(request(CS, CARDS, batch=batch), batch=batch)
        site.run(script=THREE_DAYS)
        site.now += timedelta(hours=5)
    site.now += 5 * DAY
    answers = site.run(script=THREE_DAYS)  # after restarts
    order = [(answer.name.split(".")[1], answer.number) for answer in answers]
    assert order == [("001", 2), ("002", 2), ("001", 3), ("002", 3)]
    assert site.run(script=THREE_DAYS) == []


def test_the_clock_never_goes_back_behind_the_journal(site: Site) -> None:
    begun = site.now
    site.send(request(CS, CARDS))
    site.run(script=THREE_DAYS)
    site.now = begun - 30 * DAY
    site.send(request(CS, CARDS, batch="002"), batch="002")
    with site.simulator(script=THREE_DAYS) as acquirer:
        list(acquirer.answer_pending())
        assert acquirer.next_due() == begun + DAY
    site.now = begun + DAY
    assert len(site.run(script=THREE_DAYS)) == 2


def test_a_batch_without_rows_is_answered_with_one_empty_file(site: Site) -> None:
    site.send(request(CS, []))
    arrived = site.deliver_all(script=THREE_DAYS)
    assert [file.text for file in arrived] == [b"H,cybs.au.response.pan,merchant1,001\nF,0\n"]
    assert site.run(script=THREE_DAYS) == []


def test_a_restart_with_other_rules_is_refused_while_something_is_to_come(site: Site) -> None:
    site.send(request(CS, CARDS))
    site.run(script=THREE_DAYS)
    site.now += DAY
    with pytest.raises(SimulatorError, match="another format, seed or script"):
        site.run(script=Script(days=(50, 25, 25)))
    with pytest.raises(SimulatorError, match="another format, seed or script"):
        site.run(script=THREE_DAYS, seed=8)
    assert len(site.run(script=THREE_DAYS)) == 1


def test_a_request_that_was_taken_away_is_not_answered_any_more(site: Site) -> None:
    path = site.send(request(CS, CARDS))
    site.run(script=THREE_DAYS)
    path.unlink()
    site.now += 5 * DAY
    assert site.run(script=THREE_DAYS) == []
    with (
        site.simulator(script=THREE_DAYS) as acquirer,
        pytest.raises(SimulatorError, match="taken out of the outbox"),
    ):
        acquirer.truths(CARDS)


def test_other_bytes_under_an_answered_name_are_not_answered_in_its_place(site: Site) -> None:
    site.send(request(CS, CARDS))
    site.run(script=THREE_DAYS)
    site.send(request(CS, CARDS[:3]))
    site.now += 5 * DAY
    [answer] = site.run(script=THREE_DAYS)
    assert answer.rejected is not None
    with (
        site.simulator(script=THREE_DAYS) as acquirer,
        pytest.raises(SimulatorError, match="replaced"),
    ):
        acquirer.truths(CARDS)


def test_a_file_is_looked_at_again_once_it_has_changed(site: Site) -> None:
    with site.simulator() as acquirer:
        site.drop(b"half a file")
        assert [answer.rejected is None for answer in acquirer.answer_pending()] == [False]
        assert list(acquirer.answer_pending()) == []
        site.send(request(CS, CARDS[:2]))
        assert [answer.rejected is None for answer in acquirer.answer_pending()] == [True]


@pytest.mark.parametrize("form", [CS, GP, MES])
def test_a_replay_is_the_same_to_the_byte_whatever_the_order(tmp_path: Path, form: str) -> None:
    batches = [f"{n:03}" for n in range(6)]
    texts = []
    for index, order in enumerate((batches, batches[::-1], batches)):
        site = Site(tmp_path / str(index), form)
        for batch in order:
            site.send(request(form, CARDS[:25], batch=batch), batch=batch)
            if index == 1:  # one after another, with a restart in between
                site.run(script=ALL_KINDS)
        arrived = site.deliver_all(script=ALL_KINDS)
        texts.append({name: site.open(name) for name in site.arrived()})
        assert arrived or index == 1
    same = texts[0] == texts[1] == texts[2]
    assert same
    assert len(texts[0]) > 20
    assert any(".dup." in name for name in texts[0])


def test_another_seed_disturbs_others(tmp_path: Path) -> None:
    names = []
    for seed in (1, 2):
        site = Site(tmp_path / str(seed))
        for batch in range(10):
            site.send(request(CS, CARDS[:5], batch=f"{batch:03}"), batch=f"{batch:03}")
        site.deliver_all(seed=seed, script=ALL_KINDS)
        names.append(site.arrived())
    assert names[0] != names[1]


def test_a_simulated_clock_stands_still_or_runs_ahead() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    stopped = SimulatedClock(noon, DAY)
    assert stopped() == noon + DAY
    stopped.advance(DAY)
    assert stopped() == noon + 2 * DAY
    ahead = SimulatedClock(ahead=DAY, real=lambda: noon)
    assert ahead() == noon + DAY
    with pytest.raises(ValueError, match="forward"):
        ahead.advance(-DAY)
    assert SimulatedClock()() <= datetime.now(UTC)
