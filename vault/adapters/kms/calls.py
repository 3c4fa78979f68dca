"""Every call to a key service: off the event loop, bounded in time, retried within a budget.

Retries happen here and in no other layer: drivers try once, and the keyring holds off on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_random_exponential

from vault.adapters.kms.service import Damaged, ServiceError, Unreachable
from vault.domain.reasons import Reason, VaultError

_log = structlog.get_logger("vault.kms")


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How patient one call is. Seconds; together below the keyring's own limit of 5 s."""

    connect_s: float = 1.0
    answer_s: float = 2.0
    total_s: float = 4.0  # with retries and their waits
    attempts: int = 3
    first_wait_s: float = 0.1
    last_wait_s: float = 1.0
    threads: int = 4
    budget: float = 4.0  # retries at hand at the start
    budget_most: float = 8.0
    budget_refill: float = 0.125  # for each call that went well


@dataclass(slots=True)
class CallCounts:
    """What metrics read."""

    calls: int = 0  # attempts that left this process
    retries: int = 0
    failures: int = 0  # of calls with all their attempts
    timeouts: int = 0
    no_budget: int = 0  # retries not made, because too many were made before


class Calls:
    """Runs blocking calls in a few threads. Close it in the end."""

    def __init__(
        self,
        limits: CallLimits = CallLimits(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.limits: Final = limits
        self.counts: Final = CallCounts()
        self._sleep: Final = sleep
        self._budget = limits.budget
        self._pool: Final = ThreadPoolExecutor(limits.threads, thread_name_prefix="kms")

    async def call(self, work: Callable[[], bytes]) -> bytes:
        """Return what `work` returns, run in a thread.

        Raises VaultError: DATA_CORRUPT where the service found what it was given damaged,
        KEY_SERVICE_UNAVAILABLE for every other failure and after `total_s`. A thread that is still
        waiting then is left behind; the driver's own time limits free it.
        """
        limits = self.limits
        retrying = AsyncRetrying(
            retry=self._again,
            stop=stop_after_attempt(limits.attempts),
            wait=wait_random_exponential(limits.first_wait_s, limits.last_wait_s),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            async with asyncio.timeout(limits.total_s):
                answer: bytes = await retrying(self._once, work)
        except Damaged:
            raise VaultError(Reason.DATA_CORRUPT) from None
        except ServiceError as error:
            self._failed(error.code)
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE) from None
        except TimeoutError:
            self.counts.timeouts += 1
            self._failed("timeout")
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE) from None
        except Exception as error:  # noqa: BLE001 - a driver's surprise must not end the vault
            self._failed(type(error).__name__)
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE) from None
        self._budget = min(self._budget + limits.budget_refill, limits.budget_most)
        return answer

    def close(self, last: Callable[[], None]) -> None:
        """Take no more calls, and do `last` behind them, in one of the same threads. Blocks.

        Gives up waiting after `total_s`: a call that never returns can't hold up the shutdown.
        """
        done = self._pool.submit(last)
        self._pool.shutdown(wait=False)
        wait([done], timeout=self.limits.total_s)

    async def _once(self, work: Callable[[], bytes]) -> bytes:
        self.counts.calls += 1
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _again(self, state: RetryCallState) -> bool:
        """Tell whether to try again, and take it from the budget.

        Only calls that went well fill the budget: a service that throttles everyone gets hardly
        more calls than there were to make, and recovers sooner.
        """
        outcome = state.outcome
        if outcome is None or not isinstance(outcome.exception(), Unreachable):
            return False
        if state.attempt_number >= self.limits.attempts:
            return False
        if self._budget < 1:
            self.counts.no_budget += 1
            return False
        self._budget -= 1
        self.counts.retries += 1
        return True

    def _failed(self, code: str) -> None:
        self.counts.failures += 1
        _log.warning("the key service failed", code=code)
