"""The updater hears of every change at the vault, whose stream goes by token and not by time."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.doubles.updater_vault import DoubleVault
from tests.doubles.updater_world import HandClock
from updater.adapters.sqlite.database import open_database
from updater.adapters.sqlite.enrolments import SqliteEnrolments
from updater.domain.enrolment import CardStatus
from updater.domain.errors import VaultRefused
from updater.usecases.enrol import OVERLAP_US, WHOLE_EVERY_US, Enrol, Reading
from updater.usecases.ports_vault import CredentialPage

HOUR = 3_600_000_000


class CutOff(Exception):
    """A pass that ends in the middle."""


class CuttingVault(DoubleVault):
    """Ends each stream after its first page."""

    async def credentials(
        self, tenant: str, cursor: str, changed_since: int
    ) -> AsyncIterator[CredentialPage]:
        async with aclosing(super().credentials(tenant, cursor, changed_since)) as pages:  # type: ignore[type-var]
            async for page in pages:
                yield page
                raise CutOff


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def vault(clock: HandClock) -> DoubleVault:
    return DoubleVault(now_us=lambda: clock.now)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteEnrolments]:
    async with open_database(tmp_path / "updater.db") as database:
        yield SqliteEnrolments(database)


async def test_a_change_is_seen_although_its_card_was_passed(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock
) -> None:
    withdrawn, deleted = vault.add("tok_1"), vault.add("tok_2")
    vault.add("tok_3")
    enrol = Enrol(vault, store, clock)
    assert await enrol("demo") == 3
    clock.now += HOUR
    withdrawn.covered, deleted.status = frozenset(), CardStatus.DELETED
    vault.touch(withdrawn)
    vault.touch(deleted)
    assert await enrol("demo") == 2 - 1  # a deleted card keeps its flags: its status says enough
    kept = {token: await store.get("demo", token, "shop") for token in ("tok_1", "tok_2")}
    assert kept["tok_1"] is not None
    assert not kept["tok_1"].covered
    assert kept["tok_2"] is not None
    assert kept["tok_2"].status is CardStatus.DELETED


async def test_a_new_card_is_seen_although_its_token_sorts_before_all_others(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock
) -> None:
    vault.add("tok_1")
    enrol = Enrol(vault, store, clock)
    await enrol("demo")
    clock.now += HOUR
    vault.add("9876")
    assert await enrol("demo") == 1


async def test_a_pass_reads_what_changed_since_a_while_before_the_last_one_began(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock
) -> None:
    began = clock.now
    enrol = Enrol(vault, store, clock)
    await enrol("demo")
    at = Reading.parse(await store.cursor("demo"))
    assert at == Reading(began + 1 - OVERLAP_US, whole=began + 1)


async def test_all_cards_are_read_once_a_day_and_after_a_clock_that_was_wrong(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock
) -> None:
    card = vault.add("tok_1")
    enrol = Enrol(vault, store, clock)
    for _pass in range(2):
        await enrol("demo")
        clock.now += HOUR
    card.covered = frozenset()  # without a change that a stream since then would show
    assert await enrol("demo") == 0
    clock.now += WHOLE_EVERY_US
    assert await enrol("demo") == 1
    clock.now -= 30 * HOUR
    card.covered = frozenset({"shop"})
    assert await enrol("demo") == 1


async def test_what_changes_behind_the_cursor_of_a_pass_cut_off_is_seen_by_the_next(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock
) -> None:
    cards = [vault.add(f"tok_{number}") for number in range(5)]
    with pytest.raises(CutOff):
        await Enrol(CuttingVault(vault.cards, now_us=vault.now_us), store, clock)("demo")
    clock.now += HOUR
    cards[0].covered = frozenset()
    vault.touch(cards[0])
    clock.now += HOUR
    enrol = Enrol(vault, store, clock)
    assert await enrol("demo") == 3  # the rest of the pass, from its cursor on
    assert await enrol("demo") == 1  # and what changed behind it
    kept = await store.get("demo", "tok_0", "shop")
    assert kept is not None
    assert not kept.covered


@pytest.mark.parametrize("kept", ["an old release's cursor", '"text"', "[]", '{"cursor": "x"}'])
async def test_where_it_stood_is_not_known_everything_is_read_again(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock, kept: str
) -> None:
    vault.add("tok_1")
    await store.sync("demo", CredentialPage((), kept), enrol=True, at=1)
    assert await Enrol(vault, store, clock)("demo") == 1


async def test_a_cursor_that_the_vault_does_not_know_costs_one_pass(
    vault: DoubleVault, store: SqliteEnrolments, clock: HandClock
) -> None:
    vault.add("tok_1")
    foreign = Reading(changed_since=0, began=7, cursor="another/tok_1")
    await store.sync("demo", CredentialPage((), foreign.text()), enrol=True, at=1)
    enrol = Enrol(vault, store, clock)
    with pytest.raises(VaultRefused):
        await enrol("demo")
    assert await enrol("demo") == 1
