"""Events arrive at least once, in order for each token, past poison and outages."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ports_events import FakeOutbox, FakeSink, row
from vault.usecases.ports import CommitInDoubt, StoreBroken, StoreUnavailable
from vault.usecases.relay import Relay, RelayLimits, SinkUnavailable

FAST = RelayLimits(batch=4, idle_s=0.001, first_retry_s=0.001, last_retry_s=0.002)


async def _drain(relay: Relay) -> None:
    while await relay.step():
        pass


async def test_events_go_out_in_order_and_are_deleted() -> None:
    rows = [row(token, revision) for token in ("a", "b", "c") for revision in (1, 2, 3)]
    outbox, sink = FakeOutbox(rows), FakeSink()
    relay = Relay(outbox, sink, FakeClock(), FAST)
    await _drain(relay)
    assert sink.got == rows
    assert outbox.rows == []
    assert relay.counts.delivered == 9


async def test_a_crash_between_publishing_and_deleting_publishes_again() -> None:
    outbox, sink = FakeOutbox([row("a", 1), row("a", 2)]), FakeSink()
    outbox.faults = [CommitInDoubt()]
    relay = Relay(outbox, sink, FakeClock(), FAST)
    with pytest.raises(CommitInDoubt):
        await relay.step()
    await _drain(Relay(outbox, sink, FakeClock(), FAST))
    assert [each.revision for each in sink.got] == [1, 2, 1, 2]
    assert outbox.rows == []


async def test_a_sink_that_is_down_deletes_nothing() -> None:
    outbox, sink = FakeOutbox([row("a", 1)]), FakeSink()
    sink.down = 1
    relay = Relay(outbox, sink, FakeClock(), FAST)
    with pytest.raises(SinkUnavailable):
        await relay.step()
    assert len(outbox.rows) == 1


async def test_a_poison_event_holds_back_its_own_token_only() -> None:
    rows = [row(token, revision) for token in ("a", "b", "c") for revision in (1, 2, 3)]
    outbox, sink = FakeOutbox(rows), FakeSink()
    sink.poison = {("b", 2)}
    relay = Relay(outbox, sink, FakeClock(), RelayLimits(batch=9))
    await _drain(relay)
    assert outbox.rows == [row("b", 2), row("b", 3)]
    assert sorted(sink.got) == sorted(each for each in rows if each not in outbox.rows)
    assert (relay.counts.poison, relay.counts.held_tokens) == (1, 1)


async def test_held_rows_do_not_fill_the_window() -> None:
    poison = [row("a", revision) for revision in range(1, 21)]
    outbox, sink = FakeOutbox([*poison, row("b", 1)]), FakeSink()
    sink.poison = {("a", 1)}
    relay = Relay(outbox, sink, FakeClock(), FAST)
    for _turn in range(10):
        await relay.step()
    assert sink.got == [row("b", 1)]
    assert max(outbox.asked) <= 4 + 20


async def test_a_poison_event_is_tried_again_later() -> None:
    clock = FakeClock()
    outbox, sink = FakeOutbox([row("a", 1), row("a", 2)]), FakeSink()
    sink.poison = {("a", 1)}
    relay = Relay(outbox, sink, clock, FAST)
    await _drain(relay)
    sink.poison = set()
    await _drain(relay)
    assert sink.got == []
    clock.advance(60.0)
    await _drain(relay)
    assert sink.got == [row("a", 1), row("a", 2)]
    assert relay.counts.held_tokens == 0


async def test_one_token_of_two_tenants_is_two_tokens() -> None:
    rows = [row("a", 1, "acme"), row("a", 1, "bolt"), row("a", 2, "bolt")]
    outbox, sink = FakeOutbox(rows), FakeSink()
    relay = Relay(outbox, sink, FakeClock(), FAST)
    await _drain(relay)
    assert [each.revision for each in sink.got if each.tenant == "bolt"] == [1, 2]


async def test_run_outlives_outages() -> None:
    outbox, sink = FakeOutbox([row("a", 1)]), FakeSink()
    sink.down, outbox.faults = 3, [StoreUnavailable(), CommitInDoubt()]
    relay = Relay(outbox, sink, FakeClock(), FAST)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await relay.run()
    assert outbox.rows == []
    assert relay.counts.failures == 5


async def test_run_stops_at_a_broken_store() -> None:
    outbox = FakeOutbox([row("a", 1)])
    outbox.faults = [StoreBroken()]
    with pytest.raises(StoreBroken):
        await Relay(outbox, FakeSink(), FakeClock(), FAST).run()


@given(
    counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), min_size=1),
    poison=st.sets(st.tuples(st.sampled_from("abcdef"), st.integers(1, 5))),
    batch=st.integers(1, 30),
    down=st.integers(0, 2),
)
async def test_every_token_arrives_in_order_up_to_its_poison(
    counts: dict[str, int], poison: set[tuple[str, int]], batch: int, down: int
) -> None:
    rows = [row(token, rev) for token, count in counts.items() for rev in range(1, count + 1)]
    outbox, sink = FakeOutbox(rows), FakeSink()
    sink.poison, sink.down = poison, down
    relay = Relay(outbox, sink, FakeClock(), RelayLimits(batch=batch))
    for _turn in range(60):
        try:
            await relay.step()
        except SinkUnavailable:
            continue
    for token, count in counts.items():
        first = min([rev for name, rev in poison if name == token and rev <= count] or [count + 1])
        assert [each.revision for each in sink.got if each.token == token] == list(range(1, first))
        assert [each.revision for each in outbox.rows if each.token == token] == list(
            range(first, count + 1)
        )
