"""Events arrive at least once, in order for each token, past poison and outages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.events.partition import PartitionRelay, RelayCounts, RelayLimits
from chassis.events.ports import Lease, LeaseLost, SinkUnavailable
from chassis.store_errors import CommitInDoubt
from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ports_events import FakeOutbox, FakeSink, row
from vault.domain.events import OutboxRow

FAST = RelayLimits(batch=4)


class Line:
    """One partition's relay and what is around it."""

    def __init__(self, outbox: FakeOutbox, sink: FakeSink, limits: RelayLimits = FAST) -> None:
        self.outbox, self.sink, self.clock = outbox, sink, FakeClock()
        outbox.holders.setdefault(0, ("us", 1))
        self.counts = RelayCounts()
        self._relay = PartitionRelay(
            outbox, Lease(0, outbox.holders[0][1]), self.clock, limits, self.counts
        )

    async def step(self) -> int:
        return await self._relay.step(self.sink)

    async def drain(self) -> None:
        while await self.step():
            pass


async def test_events_go_out_in_order_and_are_deleted() -> None:
    rows = [row(token, revision) for token in ("a", "b", "c") for revision in (1, 2, 3)]
    outbox, sink = FakeOutbox(rows), FakeSink()
    relay = Line(outbox, sink)
    await relay.drain()
    assert sink.got == rows
    assert outbox.rows == []
    assert relay.counts.delivered == 9


async def test_a_crash_between_publishing_and_deleting_publishes_again() -> None:
    outbox, sink = FakeOutbox([row("a", 1), row("a", 2)]), FakeSink()
    outbox.faults = [CommitInDoubt()]
    relay = Line(outbox, sink)
    with pytest.raises(CommitInDoubt):
        await relay.step()
    await Line(outbox, sink).drain()
    assert [each.revision for each in sink.got] == [1, 2, 1, 2]
    assert outbox.rows == []


async def test_a_sink_that_is_down_deletes_nothing() -> None:
    outbox, sink = FakeOutbox([row("a", 1)]), FakeSink()
    sink.down = 1
    relay = Line(outbox, sink)
    with pytest.raises(SinkUnavailable):
        await relay.step()
    assert len(outbox.rows) == 1


async def test_a_poison_event_holds_back_its_own_token_only() -> None:
    rows = [row(token, revision) for token in ("a", "b", "c") for revision in (1, 2, 3)]
    outbox, sink = FakeOutbox(rows), FakeSink()
    sink.poison = {("b", 2)}
    relay = Line(outbox, sink, RelayLimits(batch=9))
    await relay.drain()
    assert outbox.rows == [row("b", 2), row("b", 3)]
    assert set(sink.got) == {each for each in rows if each not in outbox.rows}
    assert (relay.counts.poison, relay.counts.held_subjects) == (1, 1)


async def test_held_rows_do_not_fill_the_window() -> None:
    poison = [row("a", revision) for revision in range(1, 21)]
    outbox, sink = FakeOutbox([*poison, row("b", 1)]), FakeSink()
    sink.poison = {("a", 1)}
    relay = Line(outbox, sink)
    for _turn in range(10):
        await relay.step()
    assert sink.got == [row("b", 1)]
    assert max(outbox.asked) <= 4 + 20


async def test_a_poison_event_is_tried_again_later() -> None:
    outbox, sink = FakeOutbox([row("a", 1), row("a", 2)]), FakeSink()
    sink.poison = {("a", 1)}
    relay = Line(outbox, sink)
    clock = relay.clock
    await relay.drain()
    sink.poison = set()
    await relay.drain()
    assert sink.got == []
    clock.advance(60.0)
    await relay.drain()
    assert sink.got == [row("a", 1), row("a", 2)]
    assert relay.counts.held_subjects == 0


async def test_one_token_of_two_tenants_is_two_tokens() -> None:
    rows = [row("a", 1, "acme"), row("a", 1, "bolt"), row("a", 2, "bolt")]
    outbox, sink = FakeOutbox(rows), FakeSink()
    relay = Line(outbox, sink)
    await relay.drain()
    assert [each.revision for each in sink.got if each.tenant == "bolt"] == [1, 2]


async def test_who_has_lost_the_lease_deletes_nothing_and_reads_nothing() -> None:
    outbox, sink = FakeOutbox([row("a", 1)]), FakeSink()
    relay = Line(outbox, sink)
    outbox.holders[0] = ("another", 2)
    assert await relay.step() == 0
    assert sink.got == []
    relay = Line(outbox, sink)
    taken = outbox.pending

    async def slow(lease: Lease, limit: int) -> list[OutboxRow]:
        rows = await taken(lease, limit)
        outbox.seize(0)  # while this relay slept
        return rows

    outbox.pending = slow  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        await relay.step()
    assert outbox.rows == [row("a", 1)]


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
    relay = Line(outbox, sink, RelayLimits(batch=batch))
    for _turn in range(60):
        try:
            await relay.step()
        except SinkUnavailable:
            continue
    for token, count in counts.items():
        first = min([rev for name, rev in poison if name == token and rev <= count] or [count + 1])
        assert [each.revision for each in sink.got if each.subject == token] == list(
            range(1, first)
        )
        assert [each.revision for each in outbox.rows if each.token == token] == list(
            range(first, count + 1)
        )
