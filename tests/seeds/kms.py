"""A key management service that is slow, throttled, down, or has revoked its grant.

Watches who asks it: keys are unwrapped once for all who wait, and a failure is followed by a pause
that doubles. What it granted last, and when, tells which reveals can be right.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from tests.doubles.decide_bench import drive
from tests.seeds.loop import SeededLoop
from tests.seeds.promises import Findings, Promise
from vault.adapters.local_kms import LocalKms
from vault.domain.reasons import Reason, VaultError
from vault.usecases.key_making import TENANT_PURPOSES
from vault.usecases.keyring import KeyLimits

_USUAL: Final = KeyLimits()
FIRST_S: Final = _USUAL.first_retry_s
LAST_S: Final = _USUAL.last_retry_s
_LOAD: Final = len(TENANT_PURPOSES)
_SPREAD: Final = 1 - _USUAL.jitter / 2 - 0.01
"""The least of a pause that its jitter leaves."""


@dataclass
class KmsWeather:
    """What the service does to whoever asks it now; times are the loop's."""

    down_until: float = 0.0
    slow_until: float = 0.0
    throttled_until: float = 0.0
    revoked: bool = False

    def clear(self) -> None:
        self.down_until = self.slow_until = self.throttled_until = 0.0
        self.revoked = False


class Grant(NamedTuple):
    """A tenant's keys, all of them, unwrapped for a process."""

    begun: float
    over: float


@dataclass
class _Asker:
    """One process's calls for one tenant."""

    in_flight: int = 0
    failures: int = 0  # in a row
    failed_at: float = 0.0
    # The last keys that it got, and when it asked for each: all purposes together are a load.
    got: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=_LOAD))


class SharedKms:
    """The service."""

    def __init__(self, loop: SeededLoop, chance: Random, findings: Findings) -> None:
        self.loop: Final = loop
        self.weather: Final = KmsWeather()
        self.findings: Final = findings
        self.home: Final = LocalKms(b"kek-seed", b"k" * 32, chance.randbytes)
        self._chance: Final = chance
        self.calls = 0

    async def carried_out(self, work: Callable[[], bytes]) -> bytes:
        self.calls += 1
        answer: asyncio.Future[bytes] = self.loop.create_future()
        way = self._chance.random() * 0.02 + 0.002
        if self.loop.time() < self.weather.slow_until:
            way += self._chance.random() * 4
        self.loop.later(way, self._arrived, work, answer)
        return await answer

    def _arrived(self, work: Callable[[], bytes], answer: asyncio.Future[bytes]) -> None:
        if answer.done():
            return
        weather, now = self.weather, self.loop.time()
        throttled = now < weather.throttled_until and self._chance.random() < 0.6
        if weather.revoked or throttled or now < weather.down_until:
            answer.set_exception(VaultError(Reason.KEY_SERVICE_UNAVAILABLE))
            answer.exception()
        else:
            answer.set_result(work())


@dataclass
class KmsClient:
    """`Kms` for one process's one life."""

    service: SharedKms
    askers: dict[str, _Asker] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    leaving: bool = False  # what the process's own end cancels is no failure

    @property
    def kek(self) -> str:
        return self.service.home.kek

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        return await self._asks(context, lambda: drive(self.service.home.wrap(secret, context)))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        return await self._asks(context, lambda: drive(self.service.home.unwrap(wrapped, context)))

    def dropped(self) -> None:
        """Forget the pauses: whoever drops its keys may ask at once."""
        for asker in self.askers.values():
            asker.failures = 0

    async def _asks(self, context: Mapping[str, str], work: Callable[[], bytes]) -> bytes:
        tenant = context["tenant"]
        asker = self.askers.setdefault(tenant, _Asker())
        self._judge(asker, tenant)
        asked = self.service.loop.time()
        asker.in_flight += 1
        answered = False
        try:
            result = await self.service.carried_out(work)
            answered = True
        finally:
            asker.in_flight -= 1
            if answered:
                asker.got.append((context["key_id"], asked))
            self._note(asker, tenant, answered=answered)
        return result

    def _judge(self, asker: _Asker, tenant: str) -> None:
        if not tenant or self.leaving:
            return  # the service's own keys are asked for once, at the start
        service, findings = self.service, self.service.findings
        findings.check(not asker.in_flight, Promise.CALM, f"two calls at once for {tenant}")
        if asker.failures:
            pause = min(FIRST_S * 2 ** (asker.failures - 1), LAST_S) * _SPREAD
            waited = service.loop.time() - asker.failed_at
            findings.check(
                waited >= pause,
                Promise.CALM,
                f"asked for {tenant} {waited:.2f} s after failure {asker.failures} in a row",
            )

    def _note(self, asker: _Asker, tenant: str, *, answered: bool) -> None:
        if not answered:
            asker.failures += 1
            asker.failed_at = self.service.loop.time()
            return
        if len({key for key, _asked in asker.got}) == _LOAD:
            self.grants[tenant] = Grant(asker.got[0][1], self.service.loop.time())
            asker.failures = 0
