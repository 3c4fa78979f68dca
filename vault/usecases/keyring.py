"""Unwrapped keys, bounded in number and age.

An outage of the KMS is survived until a tenant's keys reach their maximum age, and then refused.
The age counts from the unwrapping, used or not: a grant that was revoked stops working in bounded
time. Keys in use are refreshed ahead, so that no call waits for it; unused ones just go.
Python can't wipe memory: dropped keys are unreachable, and gone with the next use of their pages.
"""

from __future__ import annotations

import asyncio
import random as jitter_source
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chassis.clock import Clock
from vault.crypto.keys import TenantKeys
from vault.domain.reasons import Reason, VaultError
from vault.usecases.key_making import TENANT_PURPOSES, KeyMaker, tenant_keys


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """How many tenants' keys are kept, how long, and how patient the KMS is asked. Seconds."""

    tenants: int = 1_024
    max_age_s: float = 3_600.0
    refresh_at: float = 0.5  # of the maximum age; what is left is the outage that is survived
    jitter: float = 0.1  # of the maximum age, so that processes don't refresh in step
    load_timeout_s: float = 5.0
    first_retry_s: float = 0.5
    last_retry_s: float = 5.0  # with the call under way: 10 s after the KMS is back, all works
    tick_s: float = 1.0


@dataclass(slots=True)
class KeyringCounts:
    """What metrics read; plain integers, since `hits` is counted on the hot path."""

    hits: int = 0
    loads: int = 0
    refreshes: int = 0
    failures: int = 0  # of loads and refreshes
    held_off: int = 0  # loads not tried, because the last one failed a moment ago
    evicted: int = 0  # for want of room
    expired: int = 0  # at their maximum age
    drops: int = 0


@dataclass(slots=True, repr=False)
class _Held:
    """One tenant's keys. Times are monotonic seconds."""

    keys: TenantKeys
    loaded: float
    refresh_after: float
    expires: float
    used: bool = False


@dataclass(slots=True)
class _Failed:
    """A tenant whose keys could not be had: asked again when `until` is over."""

    reason: Reason
    until: float
    wait: float


class CachedKeyring:
    """`Keyring` over a KMS. `run()` belongs in the service's TaskGroup."""

    def __init__(
        self,
        maker: KeyMaker,
        clock: Clock,
        limits: KeyLimits = KeyLimits(),
        uniform: Callable[[], float] = jitter_source.random,
    ) -> None:
        self._maker: Final = maker
        self._clock: Final = clock
        self._limits: Final = limits
        self._uniform: Final = uniform
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._failed: OrderedDict[str, _Failed] = OrderedDict()
        self._flights: dict[str, asyncio.Future[TenantKeys | VaultError | None]] = {}
        self._generation = 0
        self.counts: Final = KeyringCounts()

    def peek(self, tenant: str) -> TenantKeys | None:
        """Return a tenant's keys if they are warm; never waits."""
        held = self._held.get(tenant)
        if held is None:
            return None
        if self._clock.monotonic() >= held.expires:
            self._expire(tenant)
            return None
        self._held.move_to_end(tenant)
        held.used = True
        self.counts.hits += 1
        return held.keys

    async def warm(self, tenant: str) -> TenantKeys:
        """Return a tenant's keys, unwrapped once for all who wait.

        A tenant without keys gets them. Raises VaultError, at once and without a call while the
        last failure is fresh (0.5 s at first, 5 s at most).
        """
        while True:
            keys = self.peek(tenant)
            if keys is not None:
                return keys
            flight = self._flights.get(tenant)
            if flight is None:
                self._hold_off(tenant)
                return await self._load(tenant)
            # Shielded: a waiter that gives up must not take the flight down with it.
            landed = await asyncio.shield(flight)
            if isinstance(landed, VaultError):
                raise VaultError(landed.reason)
            if landed is not None:
                return landed

    def drop(self) -> None:
        """Forget all keys at once: the vault was sealed, or a key revoked.

        What is being unwrapped right now is not kept either: its callers are refused.
        """
        self._generation += 1
        self._held.clear()
        self._failed.clear()
        self.counts.drops += 1

    @property
    def tenants(self) -> int:
        """Return how many tenants' keys are held."""
        return len(self._held)

    @property
    def oldest_age_s(self) -> float:
        """Return the age of the oldest keys held, 0 for none."""
        # Asked by another thread: copied in one step, for a loop over what changes would fail.
        held = list(self._held.values())
        if not held:
            return 0.0
        return self._clock.monotonic() - min([each.loaded for each in held])

    async def run(self) -> None:
        """Refresh and expire keys, for ever."""
        while True:
            await asyncio.sleep(self._limits.tick_s)
            await self.tick()

    async def tick(self) -> None:
        """Expire what is too old, used or not, and refresh what is used and due."""
        now = self._clock.monotonic()
        for tenant in [each for each, held in self._held.items() if now >= held.expires]:
            self._expire(tenant)
        due = [
            tenant
            for tenant, held in self._held.items()
            if held.used and now >= held.refresh_after and tenant not in self._flights
        ]
        for tenant in due:
            await self._refresh(tenant)

    async def _refresh(self, tenant: str) -> None:
        # Those before it in the line may have taken long: somebody may wait for it by now.
        if tenant in self._flights:
            return
        failed = self._failed.get(tenant)
        if failed is not None and self._clock.monotonic() < failed.until:
            return
        try:
            await self._load(tenant)
        except VaultError:
            return  # counted; the old keys serve on until their maximum age
        self.counts.refreshes += 1

    def _hold_off(self, tenant: str) -> None:
        failed = self._failed.get(tenant)
        if failed is not None and self._clock.monotonic() < failed.until:
            self.counts.held_off += 1
            raise VaultError(failed.reason)

    async def _load(self, tenant: str) -> TenantKeys:
        """Unwrap a tenant's keys, and let everyone know who waits for the same."""
        flight: asyncio.Future[TenantKeys | VaultError | None]
        flight = self._flights[tenant] = asyncio.get_running_loop().create_future()
        landed: TenantKeys | VaultError | None = None  # None: try yourself, this caller gave up
        try:
            landed = await self._unwrap(tenant)
        except VaultError as error:
            landed = error
            raise
        except Exception:
            landed = VaultError(Reason.STORE_UNAVAILABLE)
            raise
        finally:
            del self._flights[tenant]
            flight.set_result(landed)
        return landed

    async def _unwrap(self, tenant: str) -> TenantKeys:
        generation, started = self._generation, self._clock.monotonic()
        self.counts.loads += 1
        try:
            async with asyncio.timeout(self._limits.load_timeout_s):
                unwrapped = await self._maker.unwrapped(tenant, TENANT_PURPOSES)
        except TimeoutError:
            self._note_failure(tenant, Reason.KEY_SERVICE_UNAVAILABLE)
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE) from None
        except VaultError as error:
            self._note_failure(tenant, error.reason)
            raise
        if generation != self._generation:
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
        keys = tenant_keys(tenant, unwrapped)
        self._keep(keys, started)
        return keys

    def _keep(self, keys: TenantKeys, loaded: float) -> None:
        limits = self._limits
        refresh = limits.refresh_at + limits.jitter * (self._uniform() - 0.5)
        self._failed.pop(keys.tenant, None)
        self._held[keys.tenant] = _Held(
            keys, loaded, loaded + limits.max_age_s * refresh, loaded + limits.max_age_s
        )
        self._held.move_to_end(keys.tenant)
        while len(self._held) > limits.tenants:
            self._held.popitem(last=False)
            self.counts.evicted += 1

    def _note_failure(self, tenant: str, reason: Reason) -> None:
        self.counts.failures += 1
        limits, before = self._limits, self._failed.pop(tenant, None)
        wait = min(before.wait * 2, limits.last_retry_s) if before else limits.first_retry_s
        spread = wait * (1 + limits.jitter * (self._uniform() - 0.5))
        self._failed[tenant] = _Failed(reason, self._clock.monotonic() + spread, wait)
        while len(self._failed) > limits.tenants:
            self._failed.popitem(last=False)

    def _expire(self, tenant: str) -> None:
        del self._held[tenant]
        self.counts.expired += 1
