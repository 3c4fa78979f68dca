"""The ledger's truth against a reader of all files that knows the positions and nothing else."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.simulator.exchange_site import Delivered, Site, number
from tests.unit.simulator.readers import Read, Reader, Unusable, read
from tests.unit.simulator.requests import CS, GP, MES, request
from updater.simulator.disturbances import Disturbances
from updater.simulator.ledger import Expiry, Outcome, Rates
from updater.simulator.numbers import CardNumber
from updater.simulator.script import Override, Script
from updater.simulator.story import Mark
from updater.simulator.truth import Standing, Status

NEWSY = Rates(
    {
        Outcome.CURRENT: 15,
        Outcome.NEW_NUMBER: 40,
        Outcome.NEW_EXPIRY: 15,
        Outcome.CLOSED: 8,
        Outcome.CONTACT: 5,
        Outcome.BRAND_CHANGE: 5,
        Outcome.NO_MATCH: 5,
        Outcome.UNAVAILABLE: 3,
        Outcome.OPTED_OUT: 4,
    }
)
EVERYTHING = Disturbances(
    chains=30,
    cycles=10,
    chain_spread=40,
    chain_reversed=40,
    chain_cuts=10,
    omit=10,
    omit_news=5,
    duplicate_rows=30,
    repeat_rows=20,
    reorder=30,
    contradict=8,
    unknown_codes=10,
    closed_with_number=50,
    unasked=5,
    truncate=20,
    wrong_trailer=20,
    duplicate_files=30,
    conflicting_files=20,
    closed_bursts=10,
)
CASES = [(CS, "V"), (GP, "V"), (GP, "M"), (GP, "D"), (MES, "V")]
PREFIXES = {"V": "41111111", "M": "55555555", "D": "60111111"}


def script(form: str, **changes: float) -> Script:
    values = {name: getattr(EVERYTHING, name) for name in Disturbances.__slots__} | changes
    if form == GP:
        values["corrections"] = 30
    return Script(rates=NEWSY, days=(50, 30, 20), disturbances=Disturbances(**values))


def usable(form: str, arrived: Sequence[Delivered]) -> list[Read]:
    """Return the files that a reader may take: whole, and not other contents for a known file."""
    found: list[Read] = []
    for file in arrived:
        try:
            one = read(form, file.text)
        except Unusable:
            continue
        if ".other." not in file.name:
            found.append(one)
    return found


@pytest.mark.parametrize(("form", "flag"), CASES, ids=lambda value: value)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_determined_is_what_a_reader_of_all_files_finds(
    tmp_path: Path, form: str, flag: str, seed: int
) -> None:
    site, cards = Site(tmp_path, form), [number(n, PREFIXES[flag]) for n in range(400)]
    site.send(request(form, cards, flag=flag))
    arrived = site.deliver_all(seed=seed, script=script(form))
    files = usable(form, arrived)
    with site.simulator(seed=seed, script=script(form)) as acquirer:
        truths = acquirer.truths(cards)
    assert len(truths) == len(cards)
    why = Counter[str]()
    reader = Reader(files)
    for card in cards:
        standing = truths[card]
        why.update(standing.marks)
        assert agrees(standing, reader), sorted(standing.marks)
    assert len(arrived) > 4
    assert why.keys() >= {Mark.CONTRADICTED, Mark.CUT, Mark.CYCLE, Mark.SPREAD, Mark.REVERSED} | (
        {Mark.CORRECTED} if flag == "D" else set()
    )
    assert sum(each.determined for each in truths.values()) > 200


def agrees(standing: Standing, reader: Reader) -> bool:
    """Compare one card's standing with what a reader finds of it."""
    verdict = reader.judge(standing.asked.reveal(), "2711")
    if not standing.determined:
        silent = not verdict.answered and standing.marks & {Mark.OMITTED, Mark.CUT, Mark.LOST}
        return bool(silent) or not verdict.clear
    expiry = standing.expiry
    return verdict.clear and (
        verdict.final == standing.final.reveal()
        and expiry is not None
        and verdict.expiry == f"{expiry.year % 100:02}{expiry.month:02}"
        and verdict.status == standing.status.value
    )


@pytest.mark.parametrize(("form", "flag"), CASES, ids=lambda value: value)
def test_rows_that_are_counted_are_rows_that_arrive(tmp_path: Path, form: str, flag: str) -> None:
    site, cards = Site(tmp_path, form), [number(n, PREFIXES[flag]) for n in range(300)]
    rules = script(form, truncate=0, wrong_trailer=0, duplicate_files=0, conflicting_files=0)
    site.send(request(form, cards, flag=flag))
    files = usable(form, site.deliver_all(script=rules))
    with site.simulator(script=rules) as acquirer:
        told = [standing for _, _, standing in acquirer.standings()]
    assert [each.asked for each in told] == cards
    mine = {each.reveal() for standing in told for each in standing.chain} | {
        each.reveal() for each in cards
    }
    arrived = Counter(row.code for file in files for row in file.rows if row.old in mine)
    counted = Counter[str]()
    for standing in told:
        counted.update(standing.rows)
    assert arrived == counted
    strangers = sum(row.old not in mine for file in files for row in file.rows)
    assert strangers > 0


def test_a_card_is_followed_from_request_to_request(site: Site) -> None:
    rules = Script(rates=Rates({Outcome.NEW_NUMBER: 100}))
    card = number(1)
    site.send(request(CS, [card]))
    site.run(script=rules)
    with site.simulator(script=rules) as acquirer:
        second = acquirer.truths([card])[card].final
    site.now = site.now.replace(month=12)
    site.send(request(CS, [second], batch="002", expiry=Expiry(1, 2030)), batch="002")
    site.run(script=rules)
    with site.simulator(script=rules) as acquirer:
        found = acquirer.truths([card, number(2)])
        third = acquirer.truths([second])[second].final
    assert list(found) == [card]  # nobody asked about the other one
    assert found[card].chain == (card, second, third)
    assert found[card].rows == {"NAN": 2}


def test_a_later_request_settles_what_was_never_answered(site: Site) -> None:
    rules = Script(rates=Rates({Outcome.CLOSED: 100}), disturbances=Disturbances(omit_news=50))
    cards = [number(counter) for counter in range(100)]
    for batch in ("001", "002"):
        site.send(request(CS, cards, batch=batch), batch=batch)
        site.run(script=rules)
    with site.simulator(script=rules) as acquirer:
        found = acquirer.truths(cards).values()
        first = [standing for case, _, standing in acquirer.standings() if case.batch == "001"]
    told_twice = sum(each.rows == {"ACL": 2} for each in found)
    never = sum(not each.rows for each in found)
    assert 10 < told_twice < 40
    assert 10 < never < 40
    assert 30 < sum(each.determined for each in first) < 70
    assert all(each.determined == bool(each.rows) for each in found)


def test_who_was_closed_stays_so_when_nothing_new_is_said(site: Site) -> None:
    first, second = Override("ordinal", 1, Outcome.CLOSED), Override("ordinal", 2, Outcome.CURRENT)
    rules = Script(overrides=(first, second))
    site.send(request(CS, [number(1), number(2)]))
    site.run(script=rules)
    site.send(request(CS, [number(2), number(1)], batch="002"), batch="002")
    site.run(script=rules)
    with site.simulator(script=rules) as acquirer:
        found = acquirer.truths([number(1), number(2)])
    assert [each.status for each in found.values()] == [Status.CLOSED, Status.CLOSED]
    assert [dict(each.rows) for each in found.values()] == [{"ACL": 1, "CUR": 1}] * 2


def test_merchants_are_told_apart(site: Site) -> None:
    card = number(1)
    site.send(request(CS, [card]))
    site.run()
    with site.simulator() as acquirer:
        assert list(acquirer.truths([card], merchant="merchant1")) == [card]
        assert not acquirer.truths([card], merchant="merchant2")
        assert list(acquirer.standings(merchant="merchant2")) == []


@pytest.mark.parametrize(("form", "flag"), CASES, ids=lambda value: value)
def test_a_number_that_is_refused_stays_as_it_is(tmp_path: Path, form: str, flag: str) -> None:
    site = Site(tmp_path, form)
    bad = number(1, PREFIXES[flag]).reveal()
    bad = bad[:-1] + str((int(bad[-1]) + 1) % 10)
    site.send(request(form, [bad, "4" * 5, number(2, PREFIXES[flag])], flag=flag))
    rules = Script(rates=Rates({Outcome.CLOSED: 100}))
    site.run(script=rules)
    with site.simulator(script=rules) as acquirer:
        told = [standing for _, _, standing in acquirer.standings()]
    refused, closed = told  # five digits are no card's
    assert refused.marks == {Mark.REFUSED}
    assert refused.determined
    same = refused.final == CardNumber(bad) and refused.expiry == Expiry(11, 2027)
    assert same
    code = {(CS, "V"): "DEC", (GP, "M"): "000102", (GP, "D"): "15"}.get((form, flag))
    assert refused.rows == ({code: 1} if code else {})
    assert closed.news


def test_what_is_lost_for_good_is_not_determined(site: Site) -> None:
    rules = Script(
        rates=Rates({Outcome.CLOSED: 50, Outcome.CURRENT: 50}),
        disturbances=Disturbances(truncate=100, redeliver=False),
    )
    cards = [number(counter) for counter in range(50)]
    site.send(request(CS, cards))
    assert usable(CS, site.deliver_all(script=rules)) == []
    with site.simulator(script=rules) as acquirer:
        for standing in acquirer.truths(cards).values():
            assert standing.determined == (standing.status == "active")
            assert (Mark.LOST in standing.marks) == (standing.status == "closed")
