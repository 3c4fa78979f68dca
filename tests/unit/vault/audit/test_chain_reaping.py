"""Dead processes' chains are ended by whoever lives, once, on record, and their ends are signed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ledger import WarmKeyring
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.crypto.checkpoints import ChainMark, CheckpointKey, parse_body
from vault.domain.audit import REAP, ChainHead, ended_by
from vault.domain.intents import Caller, EndChains, Entry, Note
from vault.domain.outcome import Applied, NotApplied, Outcome
from vault.domain.reasons import Reason
from vault.usecases.chain_reaping import Reaper
from vault.usecases.chain_start import start_chain
from vault.usecases.checkpointer import Checkpointer
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ports import StoreUnavailable

KEY = CheckpointKey(b"\x05" * 32)


class Process:
    """One process: its chain, ledger, checkpointer and reaper over a shared store."""

    def __init__(self, store: FakeAuditStore, chain: str) -> None:
        self.store, self.chain = store, chain
        self.clock = FakeClock()
        self.checkpointer = Checkpointer(store, [KEY], self.clock.now_us)
        self.ledger = GroupCommitLedger(
            store=store,
            reader=store,  # type: ignore[arg-type] # nothing here reads a card
            keyring=WarmKeyring(),
            decider=Decider(lambda _event: None),
            chain=chain,
            now_us=self.clock.now_us,
            committed=self.checkpointer.committed,
        )
        self.reaper = Reaper(self.ledger, store, self.checkpointer, chain, self.clock)

    async def look(self) -> int:
        """Let 5 s pass, as between two turns, and take one."""
        self.clock.advance(5)
        return await self.reaper.reap()

    async def note(self) -> Outcome:
        (outcome,) = await self.ledger.apply([Entry(Caller("acme", "app"), Note("x", "ok"))])
        return outcome


class Shared(FakeAuditStore):
    """A store whose processes live until they are named as dead."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: set[str] = set()

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        if self.faults:
            raise self.faults.pop(0)
        return [head for head in await self.open_chains() if head.chain in self.dead]


@asynccontextmanager
async def serving(store: Shared, *chains: str) -> AsyncIterator[list[Process]]:
    processes = [Process(store, chain) for chain in chains]
    async with asyncio.TaskGroup() as tasks:
        for process in processes:
            started = await start_chain(store, store, process.chain, process.clock.now_us)
            await process.checkpointer.resume(started)
            tasks.create_task(process.ledger.run())
        yield processes
        for process in processes:
            process.ledger.close()


async def patiently(reaper: Reaper, process: Process) -> int:
    """Take turns for as long as a chain must be seen abandoned; return what the last one ended."""
    assert await reaper.reap() == 0
    for _turn in range(2):
        process.clock.advance(5)
        ended = await reaper.reap()
    return ended


def marks(store: Shared, chain: str) -> list[ChainMark]:
    bodies = [parse_body(each.body) for each in store.signed]
    return [mark for body in bodies for mark in body.chains if mark.chain == chain]


def reaped(store: Shared) -> list[tuple[str, ...]]:
    """Return which chains each reaper's record names."""
    rows = [row for chain in store.rows.values() for row in chain]
    found = [row for row in rows if f'"action":"{REAP}"'.encode() in row.record]
    return [tuple(head.chain for head in ended_by(row.record)) for row in found]


async def test_a_dead_processs_chain_is_ended_recorded_and_signed() -> None:
    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (dead, living):
        await dead.note()
        await dead.checkpointer.checkpoint()
        await dead.note()  # behind its last checkpoint
        assert await living.reaper.reap() == 0
        store.dead = {"chn_a"}
        assert await patiently(living.reaper, living) == 1
        assert store.ended["chn_a"] == store.head("chn_a")
        assert reaped(store) == [("chn_a",)]
        await living.checkpointer.checkpoint()
        first, last = marks(store, "chn_a")
        assert (first.size, first.ended, last.size, last.ended) == (2, False, 3, True)
        assert await living.reaper.reap() == 0


async def test_of_two_reapers_one_wins_and_harms_nobody() -> None:
    store = Shared()
    async with serving(store, "chn_a", "chn_b", "chn_c") as (_dead, one, other):
        store.dead = {"chn_a"}
        ended, outcomes = await asyncio.gather(
            asyncio.gather(patiently(one.reaper, one), patiently(other.reaper, other)),
            asyncio.gather(one.note(), other.note(), other.note()),
        )
        assert sorted(ended) == [0, 1]
        assert all(isinstance(outcome, Applied) for outcome in outcomes)
        assert reaped(store) == [("chn_a",)]
        assert one.reaper.counts.lost + other.reaper.counts.lost == 1
        for process in (one, other):
            await process.checkpointer.checkpoint()
        assert [mark.ended for mark in marks(store, "chn_a")] == [True]


async def test_nobody_reaps_itself() -> None:
    store = Shared()
    async with serving(store, "chn_a") as (alone,):
        store.dead = {"chn_a"}
        assert await patiently(alone.reaper, alone) == 0
        assert isinstance(await alone.note(), Applied)


async def test_a_reaper_that_dies_before_it_signs_is_made_up_for() -> None:
    """Its own record, found behind its last checkpoint, names whose end is unsigned."""
    store = Shared()
    async with serving(store, "chn_a", "chn_b", "chn_c") as (first, second, third):
        for process in (first, second, third):
            await process.note()
            await process.checkpointer.checkpoint()
        await first.note()
        store.dead = {"chn_a"}
        assert await patiently(second.reaper, second) == 1
        store.dead = {"chn_b"}  # before another checkpoint
        assert await patiently(third.reaper, third) == 1
        await third.checkpointer.checkpoint()
        assert [(mark.size, mark.ended) for mark in marks(store, "chn_a")] == [
            (2, False),
            (3, True),
        ]
        assert marks(store, "chn_b")[-1].ended


async def test_a_checkpoint_that_covers_the_record_has_the_end() -> None:
    """Between the commit and whatever comes next there is no moment in which only one is there."""
    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (_dead, living):
        store.dead = {"chn_a"}
        heads = tuple(await store.abandoned_chains())
        await living.checkpointer.prepare(heads)
        (outcome,) = await living.ledger.apply([Entry(Caller("", "cardvault"), EndChains(heads))])
        assert isinstance(outcome, Applied)
        signed = await living.checkpointer.checkpoint()
        assert signed is not None
        covered = {mark.chain: mark for mark in parse_body(signed.body).chains}
        assert (covered["chn_a"].ended, covered["chn_b"].size) == (True, 2)


async def test_a_store_in_trouble_ends_a_turn() -> None:
    store = Shared()
    async with serving(store, "chn_a") as (process,):
        store.faults = [StoreUnavailable()]
        assert await process.reaper.reap() == 0
        assert process.reaper.counts.failures == 1


async def test_an_outage_gives_everybody_time_to_renew() -> None:
    """All leases are over when the store is back: who looks first must not end the living."""
    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (_other, living):
        store.dead = {"chn_a"}
        assert await living.look() == 0
        assert await living.look() == 0
        store.faults = [StoreUnavailable()]
        assert [await living.look() for _turn in range(3)] == [0, 0, 0]
        store.dead = set()  # renewed
        assert await living.look() == 0
        store.dead = {"chn_a"}
        assert [await living.look() for _turn in range(3)] == [0, 0, 1]


async def test_a_chain_that_moves_is_alive() -> None:
    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (other, living):
        store.dead = {"chn_a"}
        for _turn in range(4):
            assert await living.look() == 0
            await other.note()


async def test_what_was_not_seen_for_long_is_seen_anew() -> None:
    """A machine that stood still stopped those that would have renewed, too."""
    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (_other, living):
        store.dead = {"chn_a"}
        assert await living.look() == 0
        living.clock.advance(60)
        assert [await living.look() for _turn in range(3)] == [0, 0, 1]


async def test_a_chain_renewed_while_its_end_is_prepared_is_left_alone() -> None:
    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (other, living):
        store.dead = {"chn_a"}
        assert [await living.look() for _turn in range(2)] == [0, 0]
        prepare = living.checkpointer.prepare

        async def slowly(heads: Sequence[ChainHead]) -> None:
            await prepare(heads)
            store.dead = set()

        living.checkpointer.prepare = slowly  # type: ignore[method-assign]
        assert await living.look() == 0
        assert living.checkpointer._prepared == {}
        assert isinstance(await other.note(), Applied)


async def test_what_was_prepared_for_a_lost_race_is_forgotten() -> None:
    class Refusing:
        async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
            return [NotApplied(Reason.CONTENTION)] * len(entries)

    store = Shared()
    async with serving(store, "chn_a", "chn_b") as (_dead, living):
        store.dead = {"chn_a"}
        reaper = Reaper(Refusing(), store, living.checkpointer, "chn_b", living.clock)  # type: ignore[arg-type]
        assert await patiently(reaper, living) == 0
        assert reaper.counts.lost == 1
        assert living.checkpointer._prepared == {}


async def test_two_busy_processes_both_get_their_checkpoints_signed() -> None:
    """A number that another process took is no reason to wait for the next turn."""
    store = Shared()
    async with serving(store, "chn_a", "chn_b", "chn_c", "chn_d") as processes:
        for _turn in range(5):
            for process in processes:
                await process.note()
                assert await process.checkpointer.checkpoint() is not None
        for process in processes:
            assert marks(store, process.chain)[-1].size == 6
            assert process.checkpointer.counts.failures == 0
        numbers = [each.number for each in store.signed]
        assert numbers == list(range(1, 21))
