"""Keys are bounded in number and age, fetched once for all, and gone when told."""

import asyncio
import sys
import threading

import pytest

from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ports_keys import FakeKeyStore, FakeKms
from vault.domain.reasons import Reason, VaultError
from vault.usecases.key_making import TENANT_PURPOSES, KeyMaker
from vault.usecases.keyring import CachedKeyring, KeyLimits
from vault.usecases.ports import Keyring, StoreBroken

CALLS_A_LOAD = len(TENANT_PURPOSES)


class Bench:
    """A keyring and all that it stands on."""

    def __init__(self, limits: KeyLimits, uniform: float = 0.5) -> None:
        self.clock = FakeClock()
        self.store = FakeKeyStore()
        self.kms = FakeKms()
        self.maker = KeyMaker(self.store, self.kms, self.clock.now_us)
        self.ring = CachedKeyring(self.maker, self.clock, limits, lambda: uniform)


@pytest.fixture
def bench() -> Bench:
    return Bench(KeyLimits(tenants=3, max_age_s=100.0))


async def test_keys_are_cold_until_warmed(bench: Bench) -> None:
    ring: Keyring = bench.ring
    assert ring.peek("acme") is None
    keys = await ring.warm("acme")
    assert ring.peek("acme") is keys
    assert await ring.warm("acme") is keys
    assert bench.ring.counts.loads == 1


async def test_many_who_wait_cost_one_load(bench: Bench) -> None:
    await bench.maker.unwrapped("acme", TENANT_PURPOSES)
    bench.kms.calls = 0
    bench.kms.open.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bench.ring.warm("acme")) for _ in range(50)]
        await asyncio.sleep(0)
        bench.kms.open.set()
    assert len({id(task.result()) for task in tasks}) == 1
    assert bench.kms.calls == CALLS_A_LOAD


async def test_a_failure_reaches_everyone_who_waits(bench: Bench) -> None:
    bench.kms.open.clear()
    bench.kms.down = True
    tasks = [asyncio.ensure_future(bench.ring.warm("acme")) for _ in range(5)]
    await asyncio.sleep(0)
    bench.kms.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results] == [VaultError] * 5
    assert bench.ring.counts.failures == 1


async def test_a_loader_that_gives_up_hands_over_to_one_who_waits(bench: Bench) -> None:
    bench.kms.open.clear()
    first, second = (asyncio.ensure_future(bench.ring.warm("acme")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    bench.kms.open.set()
    assert (await second).tenant == "acme"
    assert first.cancelled()
    assert bench.ring.peek("acme") is not None


async def test_a_waiter_that_gives_up_leaves_the_load_alone(bench: Bench) -> None:
    bench.kms.open.clear()
    first, second = (asyncio.ensure_future(bench.ring.warm("acme")) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    bench.kms.open.set()
    assert (await first).tenant == "acme"


async def test_a_broken_store_refuses_the_waiters_and_stops_the_loader(bench: Bench) -> None:
    bench.store.fault = StoreBroken()
    results = await asyncio.gather(
        bench.ring.warm("acme"), bench.ring.warm("acme"), return_exceptions=True
    )
    assert isinstance(results[0], StoreBroken)
    assert isinstance(results[1], StoreBroken | VaultError)
    assert bench.ring.peek("acme") is None


async def test_the_age_is_hard_even_in_constant_use(bench: Bench) -> None:
    await bench.ring.warm("acme")
    for _ in range(99):
        bench.clock.advance(1.0)
        assert bench.ring.peek("acme") is not None
    bench.clock.advance(1.0)
    assert bench.ring.peek("acme") is None
    assert bench.ring.counts.expired == 1


async def test_unused_keys_go_at_their_maximum_age_without_being_asked_for(bench: Bench) -> None:
    await bench.ring.warm("acme")
    calls = bench.kms.calls
    bench.clock.advance(100.0)
    await bench.ring.tick()
    assert bench.ring.tenants == 0
    assert bench.kms.calls == calls


async def test_unused_keys_are_not_refreshed(bench: Bench) -> None:
    await bench.ring.warm("acme")
    bench.clock.advance(60.0)
    await bench.ring.tick()
    assert bench.ring.counts.loads == 1


async def test_used_keys_are_refreshed_ahead(bench: Bench) -> None:
    first = await bench.ring.warm("acme")
    bench.ring.peek("acme")
    bench.clock.advance(49.0)
    await bench.ring.tick()
    assert bench.ring.peek("acme") is first
    bench.clock.advance(1.0)
    await bench.ring.tick()
    assert bench.ring.peek("acme") is not first
    assert bench.ring.counts.refreshes == 1
    bench.clock.advance(99.0)
    assert bench.ring.peek("acme") is not None


@pytest.mark.parametrize(("uniform", "due"), [(0.0, 45.0), (1.0, 55.0)], ids=["early", "late"])
async def test_refreshes_are_spread(uniform: float, due: float) -> None:
    bench = Bench(KeyLimits(max_age_s=100.0), uniform)
    await bench.ring.warm("acme")
    bench.ring.peek("acme")
    bench.clock.advance(due - 0.5)
    await bench.ring.tick()
    assert bench.ring.counts.loads == 1
    bench.clock.advance(1.0)
    await bench.ring.tick()
    assert bench.ring.counts.loads == 2


async def test_an_outage_is_survived_until_the_maximum_age_and_then_refused(bench: Bench) -> None:
    await bench.ring.warm("acme")
    bench.kms.down = True
    for _ in range(99):
        bench.clock.advance(1.0)
        await bench.ring.tick()
        assert bench.ring.peek("acme") is not None
    bench.clock.advance(1.0)
    assert bench.ring.peek("acme") is None
    with pytest.raises(VaultError) as refused:
        await bench.ring.warm("acme")
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
    bench.kms.down = False
    bench.clock.advance(5.5)  # the longest wait between two attempts
    assert (await bench.ring.warm("acme")).tenant == "acme"


async def test_an_outage_is_no_storm(bench: Bench) -> None:
    bench.kms.down = True
    for _ in range(1_000):
        with pytest.raises(VaultError):
            await bench.ring.warm("acme")
        bench.clock.advance(0.1)
    assert 15 <= bench.kms.calls <= 26  # in 100 s
    assert bench.ring.counts.held_off == 1_000 - bench.ring.counts.failures


async def test_a_hanging_kms_is_given_up() -> None:
    bench = Bench(KeyLimits(load_timeout_s=0.01))
    bench.kms.open.clear()
    with pytest.raises(VaultError) as refused:
        await bench.ring.warm("acme")
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE


async def test_the_least_recently_used_tenant_makes_room(bench: Bench) -> None:
    for tenant in ("a", "b", "c"):
        await bench.ring.warm(tenant)
    bench.ring.peek("a")
    await bench.ring.warm("d")
    assert bench.ring.peek("b") is None
    assert all(bench.ring.peek(tenant) for tenant in ("a", "c", "d"))
    assert bench.ring.counts.evicted == 1


async def test_failures_are_bounded_in_number_too(bench: Bench) -> None:
    bench.kms.down = True
    for number in range(10):
        with pytest.raises(VaultError):
            await bench.ring.warm(f"tenant-{number}")
    assert len(bench.ring._failed) == 3


async def test_drop_forgets_everything(bench: Bench) -> None:
    await bench.ring.warm("a")
    await bench.ring.warm("b")
    bench.ring.drop()
    assert bench.ring.peek("a") is None
    assert bench.ring.peek("b") is None
    assert bench.ring.tenants == 0


async def test_what_is_in_flight_when_keys_are_dropped_is_not_kept(bench: Bench) -> None:
    bench.kms.open.clear()
    task = asyncio.ensure_future(bench.ring.warm("acme"))
    await asyncio.sleep(0)
    bench.ring.drop()
    bench.kms.open.set()
    with pytest.raises(VaultError) as refused:
        await task
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
    assert bench.ring.peek("acme") is None


async def test_the_oldest_age_is_told(bench: Bench) -> None:
    assert bench.ring.oldest_age_s == 0.0
    await bench.ring.warm("a")
    bench.clock.advance(7.0)
    await bench.ring.warm("b")
    assert bench.ring.oldest_age_s == 7.0


async def test_another_thread_may_ask_while_keys_are_used() -> None:
    bench = Bench(KeyLimits())
    for number in range(200):
        await bench.ring.warm(str(number))
    over = threading.Event()
    told: list[float] = []

    def scrape() -> None:
        try:
            told.extend([bench.ring.oldest_age_s for _time in range(300)])
        finally:
            over.set()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread = threading.Thread(target=scrape)
        thread.start()
        while not over.is_set():
            for number in range(200):
                bench.ring.peek(str(number))
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(told) == 300


async def test_run_ticks() -> None:
    bench = Bench(KeyLimits(max_age_s=10.0, tick_s=0.001))
    await bench.ring.warm("acme")
    bench.clock.advance(10.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bench.ring.run()
    assert bench.ring.tenants == 0
