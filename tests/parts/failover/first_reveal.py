"""How long nobody can reveal: one card, revealed over and over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import grpc
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb

from tests.e2e.kills.calls import Calls, OwnCard, counter_of
from tests.e2e.kills.client import PURPOSE
from tests.e2e.kills.history import End

_TIMEOUT: Final = 1.0
_PAUSE: Final = 0.05


class Prober:
    """Reveals its card until it is stopped; every attempt is in the history."""

    def __init__(self, calls: Calls, card: OwnCard) -> None:
        self._calls: Final = calls
        self._card: Final = card
        self._shown = asyncio.Event()
        self._last: tuple[float, float] = (
            0.0,
            0.0,
        )  # when the last one to succeed began, and ended

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Reveal, again and again, each attempt with a short deadline."""
        while not stopping():
            began = time.perf_counter()
            if await self._once():
                self._last = (began, time.perf_counter())
                self._shown.set()
            await asyncio.sleep(_PAUSE)

    async def first_after(self, moment: float) -> float:
        """Wait for a reveal that was asked for behind `moment`; return when it was answered."""
        while self._last[0] < moment:
            self._shown.clear()
            await self._shown.wait()
        return self._last[1]

    async def _once(self) -> bool:
        request_id = self._calls.new_id()
        reveal = self._calls.reveal(self._card, request_id)
        request = reveal_pb.DetokenizeRequest(
            request_id=request_id, token=self._card.token, purpose=PURPOSE
        )
        try:
            shown = await self._calls.stubs["Detokenize"](request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            ):
                self._calls.unexpected(f"{error.code().name} to the prober")
            return False
        reveal.end, reveal.seen = End.DONE, counter_of(shown.card.number)
        return True
