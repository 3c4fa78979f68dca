"""Clients under way while the vault is killed, and their own history of what they were told."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc
from cardvault.vault.v1.reveal_service_pb2 import DetokenizeRequest
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2 import TokenizeRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from tools.demo.cards import DemoCard
from tools.running.site import Site

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceAsyncStub
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

CLIENTS: Final = 16
_TIMEOUT: Final = 5.0
_GIVE_UP_AFTER: Final = 60.0


@dataclass(slots=True, repr=False)
class Attempt:
    """One card that a client wants stored; `token` once it was acknowledged."""

    card: DemoCard
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str = ""
    failures: int = 0
    revealed: bool = False


@dataclass(slots=True, repr=False)
class History:
    """What the clients know: every attempt, and where they stood when the vault was killed."""

    attempts: list[Attempt]
    acknowledged_at_kill: int = 0
    in_flight_at_kill: int = 0

    @property
    def failed_calls(self) -> int:
        """Return how many calls got no answer."""
        return sum(attempt.failures for attempt in self.attempts)


class LoadedKill:
    """Runs clients against a vault, kills it after so many acknowledgements, starts it again."""

    def __init__(
        self,
        site: Site,
        cards: Sequence[DemoCard],
        *,
        kill_after: int,
        progress: Callable[[], None],
    ) -> None:
        self._site: Final = site
        self._kill_after: Final = kill_after
        self._progress: Final = progress
        self._history: Final = History([Attempt(card) for card in cards])
        self._todo: Final[Iterator[Attempt]] = iter(self._history.attempts)
        self._acknowledged = 0
        self._in_flight = 0
        self._time_to_kill: Final = asyncio.Event()

    async def run(self) -> History:
        """Return the history once every attempt was acknowledged."""
        async with (
            asyncio.timeout(_GIVE_UP_AFTER),
            self._site.channel("app") as app,
            self._site.channel("psp") as psp,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._kill())
            for _ in range(CLIENTS):
                tasks.create_task(self._client(VaultServiceStub(app), RevealServiceStub(psp)))
        return self._history

    async def _kill(self) -> None:
        await self._time_to_kill.wait()
        self._history.acknowledged_at_kill = self._acknowledged
        self._history.in_flight_at_kill = self._in_flight
        self._site.vault.kill()
        await self._site.start_vault()

    async def _client(self, vault: VaultServiceAsyncStub, reveal: RevealServiceAsyncStub) -> None:
        for place, attempt in enumerate(self._todo):
            while not attempt.token:
                await self._store(vault, attempt)
            self._progress()
            if place % 3 == 0:
                await self._reveal(reveal, attempt)

    async def _store(self, vault: VaultServiceAsyncStub, attempt: Attempt) -> None:
        request = TokenizeRequest(request_id=attempt.request_id, customer=attempt.card.customer)
        request.card.number = attempt.card.number
        request.card.expiry_month, request.card.expiry_year = attempt.card.month, attempt.card.year
        self._in_flight += 1
        try:
            response = await vault.Tokenize(request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError:
            # Nothing is known: the same request id again, and it has one effect.
            attempt.failures += 1
            await asyncio.sleep(0.1)
            return
        finally:
            self._in_flight -= 1
        attempt.token = response.card.token
        self._acknowledged += 1
        if self._acknowledged == self._kill_after:
            self._time_to_kill.set()

    async def _reveal(self, reveal: RevealServiceAsyncStub, attempt: Attempt) -> None:
        request = DetokenizeRequest(token=attempt.token, purpose="payment")
        try:
            await reveal.Detokenize(request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError:
            return  # no number came out: nothing to hold the vault to
        attempt.revealed = True
