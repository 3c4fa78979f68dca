"""Calls: off the loop, bounded, retried with jitter within a budget, and told apart."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from vault.adapters.kms.calls import CallLimits, Calls
from vault.adapters.kms.service import Damaged, Refused, ServiceError, Unreachable
from vault.domain.reasons import Reason, VaultError
from vault.usecases.keyring import KeyLimits


class Waits:
    """Sleeps for no time, and remembers."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def failing(*errors: ServiceError) -> Callable[[], bytes]:
    """Return work that fails so, and then goes well."""
    left = list(errors)

    def work() -> bytes:
        if left:
            raise left.pop(0)
        return b"well"

    return work


async def reason_of(calls: Calls, work: Callable[[], bytes]) -> Reason:
    with pytest.raises(VaultError) as refused:
        await calls.call(work)
    return refused.value.reason


async def test_a_drivers_surprise_is_no_more_than_a_key_service_that_is_not_there() -> None:
    calls = Calls()

    def surprise() -> bytes:
        raise RuntimeError("a text with a secret")

    with capture_logs() as logs:
        assert await reason_of(calls, surprise) is Reason.KEY_SERVICE_UNAVAILABLE
    assert calls.counts.failures == 1
    assert "secret" not in str(logs)
    assert await calls.call(lambda: b"well") == b"well"


async def test_work_is_done_in_a_thread() -> None:
    calls = Calls()
    here = threading.get_ident()
    assert await calls.call(lambda: str(threading.get_ident()).encode()) != str(here).encode()


async def test_trouble_that_passes_is_not_noticed() -> None:
    waits = Waits()
    calls = Calls(sleep=waits)
    assert await calls.call(failing(Unreachable("a"), Unreachable("b"))) == b"well"
    assert (calls.counts.calls, calls.counts.retries, calls.counts.failures) == (3, 2, 0)
    assert len(waits.taken) == 2
    assert all(0 <= wait <= calls.limits.last_wait_s for wait in waits.taken)


async def test_waits_differ_and_grow() -> None:
    waits = Waits()
    calls = Calls(CallLimits(attempts=2, budget=1e6, budget_most=1e6), sleep=waits)
    for _ in range(50):
        await calls.call(failing(Unreachable("a")))
    assert len({round(wait, 6) for wait in waits.taken}) > 25
    assert max(waits.taken) <= calls.limits.first_wait_s


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused("AccessDeniedException"), Reason.KEY_SERVICE_UNAVAILABLE),
        (Damaged("InvalidCiphertextException"), Reason.DATA_CORRUPT),
    ],
)
async def test_an_answer_is_taken_at_its_word(error: ServiceError, reason: Reason) -> None:
    calls = Calls(sleep=Waits())
    assert await reason_of(calls, failing(error)) is reason
    assert calls.counts.calls == 1


async def test_retries_dry_up_while_nothing_goes_well_and_come_back_when_it_does() -> None:
    calls = Calls(sleep=Waits())
    asked = 40
    for _ in range(asked):
        await reason_of(calls, failing(*[Unreachable("ThrottlingException")] * 3))
    assert calls.counts.calls <= asked + calls.limits.budget
    assert calls.counts.calls <= asked * 1.2
    for _ in range(10):
        await calls.call(failing())
    before = calls.counts.retries
    assert await calls.call(failing(Unreachable("a"))) == b"well"
    assert calls.counts.retries == before + 1


async def test_half_throttled_costs_a_fifth_more_at_most() -> None:
    calls = Calls(sleep=Waits())
    asked = 400
    for number in range(asked):
        work = failing(*[Unreachable("ThrottlingException")] * (3 * (number % 2)))
        try:
            await calls.call(work)
        except VaultError:
            continue
    assert calls.counts.calls <= asked * 1.2


async def test_the_budget_is_bounded() -> None:
    calls = Calls(sleep=Waits())
    for _ in range(1_000):
        await calls.call(failing())
    before, asked = calls.counts.calls, 40
    for _ in range(asked):
        await reason_of(calls, failing(*[Unreachable("a")] * 3))
    assert calls.counts.retries == calls.limits.budget_most
    assert calls.counts.calls - before <= asked * 1.2


async def test_time_is_bounded_and_the_loop_goes_on() -> None:
    calls = Calls(CallLimits(total_s=0.2))
    gate = threading.Event()
    before = time.monotonic()
    with capture_logs() as logs:
        reason = await reason_of(calls, lambda: b"x" if gate.wait(5) else b"")
    assert reason is Reason.KEY_SERVICE_UNAVAILABLE
    assert time.monotonic() - before < 2
    assert calls.counts.timeouts == 1
    assert [each["code"] for each in logs] == ["timeout"]
    gate.set()


async def test_a_caller_that_gives_up_is_not_held() -> None:
    calls = Calls()
    gate = threading.Event()
    task = asyncio.ensure_future(calls.call(lambda: b"x" if gate.wait(5) else b""))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()


async def test_what_is_logged_is_a_code() -> None:
    calls = Calls(sleep=Waits())
    with capture_logs() as logs:
        await reason_of(calls, failing(Refused("a text with spaces, from the service")))
    assert [(each["event"], each["code"]) for each in logs] == [("the key service failed", "other")]


async def test_the_last_word_is_said_behind_all_calls() -> None:
    calls = Calls(CallLimits(threads=1))
    said: list[str] = []

    def says() -> bytes:
        said.append("call")
        return b"x"

    work = asyncio.ensure_future(calls.call(says))
    await asyncio.sleep(0)
    await asyncio.to_thread(calls.close, lambda: said.append("last"))
    await work
    assert said == ["call", "last"]


def test_a_call_fits_into_what_the_keyring_waits() -> None:
    assert CallLimits().total_s < KeyLimits().load_timeout_s
    assert CallLimits().connect_s + CallLimits().answer_s < CallLimits().total_s
