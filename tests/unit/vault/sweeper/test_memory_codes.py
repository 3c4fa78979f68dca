"""Security codes are there for minutes, for one taker, and bounded in number."""

import pytest

from tests.doubles.clocks import FakeClock
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.domain.card import CardKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import SecurityCodes

KEY = CardKey("acme", "tok_a")
OTHER = CardKey("acme", "tok_b")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def codes(clock: FakeClock) -> MemorySecurityCodes:
    return MemorySecurityCodes(clock, most=2)


async def test_a_code_is_taken_once(codes: MemorySecurityCodes) -> None:
    port: SecurityCodes = codes
    await port.put(KEY, b"sealed", 60.0)
    assert await port.exists(KEY)
    assert not await port.exists(CardKey("bolt", "tok_a"))
    assert await port.take(KEY, "req-1") == b"sealed"
    assert await port.take(KEY, "req-2") is None
    assert await port.take(KEY, "") is None


async def test_the_same_request_may_repeat_for_30_seconds(
    codes: MemorySecurityCodes, clock: FakeClock
) -> None:
    await codes.put(KEY, b"sealed", 60.0)
    for _turn in range(3):
        assert await codes.take(KEY, "req-1") == b"sealed"
        assert await codes.exists(KEY)
        clock.advance(9.9)
    clock.advance(0.4)
    assert not await codes.exists(KEY)
    assert await codes.take(KEY, "req-1") is None


async def test_without_a_request_id_there_is_no_repeating(codes: MemorySecurityCodes) -> None:
    await codes.put(KEY, b"sealed", 60.0)
    assert await codes.take(KEY, "") == b"sealed"
    assert await codes.take(KEY, "") is None
    assert len(codes) == 0


async def test_a_code_goes_when_its_time_is_over(
    codes: MemorySecurityCodes, clock: FakeClock
) -> None:
    await codes.put(KEY, b"sealed", 60.0)
    clock.advance(59.9)
    assert await codes.exists(KEY)
    clock.advance(0.2)
    codes.expire()
    assert len(codes) == 0
    assert await codes.take(KEY, "req-1") is None


async def test_a_second_code_replaces_the_first_with_its_own_time(
    codes: MemorySecurityCodes, clock: FakeClock
) -> None:
    await codes.put(KEY, b"old", 10.0)
    await codes.take(KEY, "req-1")
    clock.advance(5.0)
    await codes.put(KEY, b"new", 60.0)
    clock.advance(50.0)
    assert await codes.take(KEY, "req-2") == b"new"


async def test_full_is_refused_and_room_comes_back(
    codes: MemorySecurityCodes, clock: FakeClock
) -> None:
    await codes.put(KEY, b"one", 10.0)
    await codes.put(OTHER, b"two", 60.0)
    with pytest.raises(VaultError) as refused:
        await codes.put(CardKey("acme", "tok_c"), b"three", 60.0)
    assert refused.value.reason is Reason.SECURITY_CODE_UNAVAILABLE
    await codes.put(OTHER, b"again", 60.0)
    clock.advance(10.0)
    await codes.put(CardKey("acme", "tok_c"), b"three", 60.0)
    assert await codes.take(OTHER, "r") == b"again"


async def test_replacing_a_code_for_ever_takes_no_more_memory(codes: MemorySecurityCodes) -> None:
    for _turn in range(100):
        await codes.put(KEY, b"sealed", 60.0)
    assert len(codes._queue) <= 4
