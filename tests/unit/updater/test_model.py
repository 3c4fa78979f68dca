"""Any answers, in any order and files, killed anywhere: as a model says, and all accounted for.

The model knows what each question's answers come to, whatever happens to the files on their way.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards.expiry import Expiry
from cards.pan import Pan
from tests.doubles.updater_case import LATER, Case, number
from tests.doubles.updater_faults import Crash
from tests.doubles.updater_world import World, channel_of, make_world
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus
from updater.domain.feed import Answer, FeedState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.files.answers import AnswerRecord
from updater.files.digits import Digits
from updater.usecases.assembly import Updater

CARDS = 5
FATES = ("none", "closed", "contact", "expiry", "new", "chain", "contradiction")
WHOLE = {"chain", "contradiction"}
"""What has to come in one file: its rows mean something together only."""
STATUSES = {"closed": CardStatus.CLOSED, "contact": CardStatus.NEEDS_CARDHOLDER}


@dataclass(frozen=True)
class Plan:
    """What happens to each question, how often its rows come, in how many files, and what dies."""

    fates: Sequence[str]
    repeats: Sequence[int]
    files: int
    seed: int
    crashes: Sequence[tuple[int, bool]]


PLANS = st.builds(
    Plan,
    fates=st.lists(st.sampled_from(FATES), min_size=CARDS, max_size=CARDS),
    repeats=st.lists(st.integers(0, 2), min_size=CARDS, max_size=CARDS),
    files=st.integers(1, 3),
    seed=st.integers(0, 2**32),
    crashes=st.lists(st.tuples(st.integers(0, 45), st.booleans()), max_size=4),
)


def rows_of(case: Case, at: int, fate: str) -> list[AnswerRecord]:
    one, two, three = (number(10 * at + place) for place in range(3))
    chain = [
        case.row("new", at, new_number=one),
        case.by_number("new", one, new_number=two),
        case.by_number("new", two, new_number=three),
    ]
    return {
        "none": [],
        "closed": [case.row("closed", at)],
        "contact": [case.row("contact", at)],
        "expiry": [case.row("expiry", at, new_expiry=LATER)],
        "new": chain[:1],
        "chain": chain,
        "contradiction": [case.row("closed", at), case.row("new", at, new_number=one)],
    }[fate]


def files_of(case: Case, plan: Plan) -> list[list[AnswerRecord]]:
    """Return the rows of each file, in any order, repeated and spread as planned."""
    random = Random(plan.seed)
    files: list[list[AnswerRecord]] = [[] for _ in range(plan.files)]
    for at, (fate, repeats) in enumerate(zip(plan.fates, plan.repeats, strict=True)):
        rows = rows_of(case, at, fate)
        home = random.randrange(plan.files)
        for _ in range(1 + repeats):
            into = home if fate in WHOLE else random.randrange(plan.files)
            files[into] += rows
    for each in files:
        random.shuffle(each)
    return files


def token_of(world: World, digits: Digits) -> str:
    numbers = {card.versions[0][0].reveal(): card.token for card in world.vault.cards.values()}
    return numbers[digits.reveal()]


def expected(case: Case, plan: Plan) -> dict[str, tuple[CardStatus, list[Pan], Expiry]]:
    """Return each card's status, numbers and expiry, as the model has them."""
    found = {}
    for at, fate in enumerate(plan.fates):
        first = case.questions[at].number
        new = [number(10 * at + place) for place in range(3)]
        brought = {"new": new[:1], "chain": new, "expiry": [first]}.get(fate, [])
        numbers = [Pan(each.reveal()) for each in (first, *brought)]
        expiry = Expiry(*LATER) if fate == "expiry" else Expiry(2027, 11)
        status = STATUSES.get(fate, CardStatus.ACTIVE)
        found[token_of(case.world, first)] = (status, numbers, expiry)
    return found


def actual(world: World) -> dict[str, tuple[CardStatus, list[Pan], Expiry | None]]:
    return {
        card.token: (card.status, [pan for pan, _ in card.versions], card.expiry)
        for card in world.vault.cards.values()
    }


async def killed(world: World, plan: Plan) -> None:
    """Look into the inbox, and die as planned; whoever comes next goes on."""
    for at, after in plan.crashes:
        world.faults.arm(at, after=after)
        try:
            async with world.running() as updater:
                for _ in range(3):
                    await updater.listen()
        except Crash:
            pass
    world.faults.arm(None)


async def answers_of(updater: Updater) -> list[tuple[int, list[Answer]]]:
    """Return each file's number of records and its answers; every file is applied."""
    feeds = updater.ports.stores.feeds
    files = await feeds.page(tenant="", channel="", states=(), before=(0, ""), limit=99)
    assert {each.state for each in files} <= {FeedState.APPLIED}
    return [
        (each.records, list(await feeds.answers(each.feed_id, after=(0, ""), limit=999)))
        for each in files
    ]


async def check(root: Path, name: str, plan: Plan) -> None:
    world = make_world(root, lambda _: None, channel_of(name), batch=3)
    for place in range(CARDS):
        world.vault.add(f"tok_{place}")
    async with world.running() as updater:
        await updater.ask()
        (inquiry,) = world.acquirer.collect()
        case = Case(world, updater, inquiry)
        files = files_of(case, plan)
        for rows in files:
            case.deliver(*rows)
    await killed(world, plan)
    async with world.running() as updater:
        for _ in range(3 + plan.files):
            await updater.listen()
        found = await answers_of(updater)
    same = actual(world) == expected(case, plan)
    assert same
    assert sorted(records for records, _ in found) == sorted(len(rows) for rows in files)
    for records, answers in found:
        assert {each.ordinal for each in answers} == set(range(1, records + 1))
    assert not list((world.acquirer.root / "inbox").iterdir())
    told = Counter(each.update_id for _, answers in found for each in answers)
    contradicted = sum(
        each.disposition is Disposition.CONFLICT for _, answers in found for each in answers
    )
    twice = zip(plan.fates, plan.repeats, strict=True)
    both = [2 * (1 + repeats) for fate, repeats in twice if fate == "contradiction"]
    assert contradicted == sum(both)
    assert told.total() == sum(len(rows) for rows in files)


@pytest.fixture(scope="module")
def keys() -> Path:
    """Make key pairs once: they take longer than all the rest."""
    root = Path(tempfile.mkdtemp())
    make_world(root, lambda _: None)
    return root


@pytest.mark.parametrize("name", [CYBERSOURCE, GP_BIGBATCH, MES_AUS])
def test_answers_come_to_what_the_model_says(keys: Path, name: str) -> None:
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(PLANS)
    def run(plan: Plan) -> None:
        with tempfile.TemporaryDirectory() as root:
            for part in ("keys", "simulator-keys"):
                shutil.copytree(keys / part, Path(root) / part)
            asyncio.run(check(Path(root), name, plan))

    run()
