"""What has expired goes, in bounded batches, through the ledger, unless it is held."""

import asyncio
from typing import get_type_hints

import pytest

from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ports_ledger import FakeHousekeeping, FakeLedger
from vault.domain.card import Card, CardKey, Hold, HoldType, pack_holds
from vault.domain.intents import EraseCard, PurgeVersion, ReleaseParked
from vault.usecases.ledger.state import NumberKey
from vault.usecases.ports import CommitInDoubt, StoreBroken, StoreError, StoreFull, StoreUnavailable
from vault.usecases.sweeper import DAY_US, PRINCIPAL, Sweeper, SweepLimits

LIMITS = SweepLimits(interval_s=0.001, batch=10, batches=3, pause_s=0.0)
HELD = pack_holds(frozenset({Hold(HoldType.LEGAL_HOLD)}))


class Bench:
    """A sweeper and all that it stands on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.housekeeping = FakeHousekeeping(self.ledger)
        self.sweeper = Sweeper(self.ledger, self.housekeeping, self.clock.now_us, LIMITS)

    def card(
        self, token: str, *, holds: str = "", live: bool = False, tenant: str = "t"
    ) -> CardKey:
        """Keep a card, deleted and past its grace unless `live`."""
        blank: dict[object, object] = {int: 0, str: "", bool: False}
        values = [blank.get(kind) for kind in get_type_hints(Card).values()]
        card = Card._make(values)._replace(
            tenant=tenant,
            token=token,
            revision=1,
            kind="FPAN",
            token_format="OPAQUE",
            brand="VISA",
            status="ACTIVE" if live else "DELETED",
            purge_time=0 if live else 1,
            sealed=b"sealed",
            holds=holds,
        )
        self.ledger.cards[card.key] = card
        return card.key


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_damaged_card_that_is_due_stays_and_is_counted(bench: Bench) -> None:
    sound, hit = bench.card("a"), bench.card("b")
    bench.ledger.cards[hit] = bench.ledger.cards[hit]._replace(status="DELETEE")
    bench.housekeeping.due = [sound, hit]
    await bench.sweeper.sweep()
    assert [entry.intent for entry in bench.ledger.entries] == [EraseCard("a")]
    assert bench.sweeper.counts.damaged == 1


async def test_expired_cards_are_erased_in_their_tenants_name(bench: Bench) -> None:
    bench.housekeeping.due = [bench.card("a", tenant="acme"), bench.card("b", tenant="bolt")]
    await bench.sweeper.sweep()
    entries = bench.ledger.entries
    assert [entry.intent for entry in entries] == [EraseCard("a"), EraseCard("b")]
    assert [entry.caller.tenant for entry in entries] == ["acme", "bolt"]
    assert {entry.caller.principal for entry in entries} == {PRINCIPAL}
    assert bench.sweeper.counts.erased == 2


async def test_old_versions_are_purged(bench: Bench) -> None:
    key = bench.card("a", live=True)
    bench.housekeeping.old = [(key, 1), (key, 2)]
    await bench.sweeper.sweep()
    assert [entry.intent for entry in bench.ledger.entries] == [
        PurgeVersion("a", 1),
        PurgeVersion("a", 2),
    ]
    assert bench.sweeper.counts.purged_versions == 2


async def test_a_legal_hold_stops_both_without_a_word_in_the_audit(bench: Bench) -> None:
    bench.housekeeping.due = [bench.card("a", holds=HELD), bench.card("b")]
    held = bench.card("c", holds=HELD, live=True)
    bench.housekeeping.old = [(held, 1)]
    for _turn in range(3):
        await bench.sweeper.sweep()
    assert [entry.intent for entry in bench.ledger.entries] == [EraseCard("b")]


async def test_what_is_no_longer_due_or_there_is_left_alone(bench: Bench) -> None:
    bench.housekeeping.due = [bench.card("a", live=True), CardKey("t", "gone")]
    bench.housekeeping.old = [(CardKey("t", "gone"), 1)]
    await bench.sweeper.sweep()
    assert bench.ledger.entries == []


async def test_a_turn_is_bounded_and_the_next_goes_on(bench: Bench) -> None:
    bench.housekeeping.due = [bench.card(f"tok_{number}") for number in range(45)]
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.erased == 30
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.erased == 45


async def test_held_cards_do_not_make_it_spin(bench: Bench) -> None:
    bench.housekeeping.due = [bench.card(f"tok_{n}", holds=HELD) for n in range(20)]
    await bench.sweeper.sweep()
    assert bench.housekeeping.calls == 7


async def test_request_ids_are_kept_for_more_than_a_day(bench: Bench) -> None:
    bench.housekeeping.requests = 25
    await bench.sweeper.sweep()
    assert bench.housekeeping.before == bench.clock.now_us() - 25 * 3_600_000_000
    assert bench.sweeper.counts.purged_requests == 25
    with pytest.raises(ValueError, match="24 hours"):
        SweepLimits(request_age_us=86_399_999_999)


async def test_answers_of_updaters_are_kept_for_longer_than_they_may_come_again(
    bench: Bench,
) -> None:
    bench.housekeeping.answers = 25
    await bench.sweeper.sweep()
    assert bench.housekeeping.answers_before == bench.clock.now_us() - 400 * DAY_US
    assert bench.sweeper.counts.purged_answers == 25


async def test_what_can_be_undone_goes_with_the_memory_of_the_answers(bench: Bench) -> None:
    bench.housekeeping.imprints = 25
    await bench.sweeper.sweep()
    assert bench.housekeeping.imprints_before == bench.clock.now_us() - 400 * DAY_US
    assert bench.sweeper.counts.purged_imprints == 25
    with pytest.raises(ValueError, match="31 days"):
        SweepLimits(answer_age_us=31 * DAY_US - 1)


async def test_parked_answers_go_when_their_time_is_over(bench: Bench) -> None:
    bench.housekeeping.waited = 25
    await bench.sweeper.sweep()
    assert (bench.housekeeping.waited, bench.sweeper.counts.purged_parked) == (0, 25)


async def test_parked_answers_that_are_due_are_decided_again_in_bounded_parts(bench: Bench) -> None:
    bench.housekeeping.parked = [NumberKey(f"t-{at}", bytes([at])) for at in range(35)]
    await bench.sweeper.sweep()
    entries = bench.ledger.entries
    assert [entry.caller.tenant for entry in entries] == [f"t-{at}" for at in range(30)]
    assert [entry.intent for entry in entries] == [ReleaseParked(bytes([at])) for at in range(30)]
    assert {entry.caller.principal for entry in entries} == {PRINCIPAL}
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.looked_at_parked == 35


async def test_a_full_queue_is_tried_again_at_the_next_turn(bench: Bench) -> None:
    bench.housekeeping.due = [bench.card(f"tok_{number}") for number in range(10)]
    bench.ledger.refusing = True
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.not_applied == 10
    bench.ledger.refusing = False
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.erased == 10


@pytest.mark.parametrize("fault", [StoreUnavailable(), StoreFull(), CommitInDoubt()], ids=repr)
async def test_passing_trouble_ends_the_turn(bench: Bench, fault: StoreError) -> None:
    bench.housekeeping.fault = fault
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.failures == 1
    bench.housekeeping.fault = None
    bench.housekeeping.due = [bench.card("a")]
    await bench.sweeper.sweep()
    assert bench.sweeper.counts.erased == 1


async def test_a_broken_store_stops_the_sweeper(bench: Bench) -> None:
    bench.housekeeping.fault = StoreBroken()
    with pytest.raises(StoreBroken):
        await bench.sweeper.run()


async def test_run_sweeps_again_and_again(bench: Bench) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bench.sweeper.run()
    assert bench.housekeeping.calls >= 6
