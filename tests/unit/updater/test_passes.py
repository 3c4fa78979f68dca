"""Passes over the vault's cards are shared by the calls that wait for them."""

import asyncio

import pytest

from tests.doubles.updater_world import HandClock
from updater.domain.errors import VaultUnavailable
from updater.usecases.passes import MOMENTS_US, Passes


class Vault:
    """Counts passes; one ends when the gate is open."""

    def __init__(self) -> None:
        self.passes: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None

    async def __call__(self, tenant: str) -> int:
        self.passes.append(tenant)
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return 0


async def test_a_pass_that_began_moments_ago_is_enough() -> None:
    vault, clock = Vault(), HandClock()
    passes = Passes(vault, clock)
    for _call in range(3):
        await passes.recent("demo")
    await passes.recent("other")
    assert vault.passes == ["demo", "other"]
    clock.now += MOMENTS_US
    await passes.recent("demo")
    assert vault.passes == ["demo", "other", "demo"]


async def test_calls_that_come_while_a_pass_runs_share_the_next_one() -> None:
    vault = Vault()
    passes = Passes(vault, HandClock())
    vault.gate.clear()
    first = asyncio.create_task(passes.fresh("demo"))
    await asyncio.sleep(0)
    later = [asyncio.create_task(passes.fresh("demo")) for _call in range(50)]
    await asyncio.sleep(0)
    vault.gate.set()
    await asyncio.gather(first, *later)
    assert vault.passes == ["demo"] * 2


async def test_a_pass_that_failed_counts_for_nobody() -> None:
    vault = Vault()
    passes = Passes(vault, HandClock())
    vault.fault = VaultUnavailable()
    for _call in range(2):
        with pytest.raises(VaultUnavailable):
            await passes.recent("demo")
    vault.fault = None
    await passes.recent("demo")
    assert vault.passes == ["demo"] * 3
