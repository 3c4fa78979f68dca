"""Refusals are recorded in full up to a number a minute, and counted past it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ports_ledger import FakeLedger
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Outcome
from vault.usecases.refusals import OTHERS, RefusalAudit, RefusalLimits

LIMITS = RefusalLimits(recorded=3, principals=2, tick_s=0.001)
DENIED = Note("card.reveal", "refused", "PERMISSION_DENIED", "tok_a")
SEALED = Note("card.reveal", "refused", "VAULT_SEALED")


class Bench:
    """The audit of refusals and all that it stands on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.refusals = RefusalAudit(self.ledger, self.clock, LIMITS)

    async def refuse(self, times: int, note: Note = DENIED, principal: str = "app") -> None:
        for _time in range(times):
            await self.refusals.refused(Caller("acme", principal), note)

    @property
    def notes(self) -> list[object]:
        return [entry.intent for entry in self.ledger.entries]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_first_are_recorded_one_by_one(bench: Bench) -> None:
    await bench.refuse(3)
    await bench.refusals.flush()
    assert bench.notes == [DENIED] * 3
    assert bench.refusals.counts.recorded == 3


async def test_the_rest_are_counted_and_told_when_the_minute_ends(bench: Bench) -> None:
    await bench.refuse(10)
    await bench.refuse(2, SEALED)
    bench.clock.advance(59.9)
    await bench.refusals.tick()
    assert len(bench.notes) == 3
    bench.clock.advance(0.1)
    await bench.refusals.tick()
    assert bench.notes[3:] == [
        Note("refusals", "refused", note="PERMISSION_DENIED x7, VAULT_SEALED x2"),
    ]
    caller = bench.ledger.entries[-1].caller
    assert (caller.tenant, caller.principal) == ("acme", "app")
    assert (bench.refusals.counts.recorded, bench.refusals.counts.counted) == (4, 9)


async def test_the_next_minute_starts_anew(bench: Bench) -> None:
    await bench.refuse(3)
    bench.clock.advance(60.0)
    await bench.refuse(3)
    assert len(bench.notes) == 6


async def test_a_count_is_not_lost_when_its_minute_runs_over(bench: Bench) -> None:
    await bench.refuse(5)
    bench.clock.advance(61.0)
    await bench.refuse(1)
    await bench.refusals.tick()
    assert bench.notes[-1] == Note("refusals", "refused", note="PERMISSION_DENIED x3")


async def test_principals_are_counted_apart_and_bounded(bench: Bench) -> None:
    for principal in ("a", "b", "c", "d"):
        await bench.refuse(4, principal=principal)
    await bench.refusals.flush()
    told = [
        (entry.caller.principal, entry.intent.note)
        for entry in bench.ledger.entries
        if isinstance(entry.intent, Note) and entry.intent.action == "refusals"
    ]
    assert told == [
        ("a", "PERMISSION_DENIED x1"),
        ("b", "PERMISSION_DENIED x1"),
        (OTHERS, "PERMISSION_DENIED x5"),
    ]


async def test_what_the_ledger_does_not_take_is_counted_as_lost(bench: Bench) -> None:
    bench.ledger.refusing = True
    await bench.refuse(5)
    await bench.refusals.flush()
    assert bench.refusals.counts.lost == 4


async def test_run_ticks(bench: Bench) -> None:
    await bench.refuse(4)
    bench.clock.advance(60.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bench.refusals.run()
    assert len(bench.notes) == 4


class StuckLedger(FakeLedger):
    """Takes entries and never answers."""

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


async def test_a_caller_that_hangs_up_is_counted(bench: Bench) -> None:
    refusals = RefusalAudit(StuckLedger(), bench.clock, LIMITS)
    call = asyncio.create_task(refusals.refused(Caller("acme", "app"), DENIED))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert refusals.counts.counted == 1


async def test_a_refusal_is_told_although_its_record_can_not_be_written(bench: Bench) -> None:
    refusals = RefusalAudit(StuckLedger(), bench.clock, replace(LIMITS, wait_s=0.01))
    async with asyncio.timeout(5):
        await refusals.refused(Caller("acme", "app"), DENIED)
    assert refusals.counts.counted == 1


async def test_what_was_counted_while_it_waited_is_told_with_the_minute(bench: Bench) -> None:
    stuck = RefusalAudit(StuckLedger(), bench.clock, replace(LIMITS, wait_s=0.01))
    await stuck.refused(Caller("acme", "app"), DENIED)
    bench.clock.advance(60.0)
    stuck._ledger = bench.ledger  # type: ignore[misc] # the ledger is back
    await stuck.tick()
    assert bench.notes == [Note("refusals", "refused", note="PERMISSION_DENIED x1")]


async def test_what_was_being_told_when_the_vault_stops_is_told_by_the_flush(bench: Bench) -> None:
    await bench.refuse(5)
    bench.clock.advance(60.0)
    bench.refusals._ledger = StuckLedger()  # type: ignore[misc] # the summary is in the line
    turn = asyncio.create_task(bench.refusals.tick())
    await asyncio.sleep(0)
    turn.cancel()
    await asyncio.wait([turn])
    bench.refusals._ledger = bench.ledger  # type: ignore[misc]
    await bench.refusals.flush()
    assert bench.notes[3:] == [Note("refusals", "refused", note="PERMISSION_DENIED x2")]
