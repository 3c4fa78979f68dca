"""A client's calls during failovers: what may be said meanwhile, and when to try again."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from tests.doubles.rpc_wire import refusal_in, refusal_of
from tests.e2e.kills.calls import Calls, InDoubt, Refusal
from tests.e2e.kills.history import Change

CALL_TIMEOUT: Final = 5.0
PACE_S: Final = 0.2  # at most, between two calls: the tests are about failovers, not about load
RETRY_S: Final = 0.2
_NO_ANSWER: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
# What an item of a batch says in place of UNAVAILABLE; the client of a kill test asks for no more.
_OPEN: Final = frozenset({"STORE_UNAVAILABLE", "OUTCOME_IN_DOUBT"})


@dataclass
class FailoverCalls(Calls):
    """Counts what was said; nothing but UNAVAILABLE, with a hint, and a deadline is expected."""

    said: Counter[str] = field(default_factory=Counter)

    async def once(self, name: str, request: Any) -> Any:
        """Try once, and wait as long as the vault says where it must be tried again."""
        await asyncio.sleep(self.chance.uniform(0, PACE_S))
        try:
            answer = await self.stubs[name](request, timeout=CALL_TIMEOUT, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            self.said[refusal.code] += 1
            if error.code() not in _NO_ANSWER:
                raise Refusal(refusal.reason or refusal.code) from None
            if error.code() is grpc.StatusCode.UNAVAILABLE and not refusal.retry:
                said = error.details()  # gRPC's own words, or the vault's: no values
                self.unexpected(f"UNAVAILABLE without RetryInfo to {name}: {said}")
            await asyncio.sleep(RETRY_S)
            raise InDoubt from None
        for result in getattr(answer, "results", ()):
            if result.HasField("error"):
                self._item(name, result.error)
        return answer

    def refused(self, change: Change, reason: str) -> None:
        """Leave an item of a batch open that nobody knows about."""
        if reason not in _OPEN:
            Calls.refused(self, change, reason)

    def unexpected(self, what: str) -> None:
        """Write down what no failover explains."""
        if what.partition(" ")[0] not in _OPEN:
            Calls.unexpected(self, what)

    def _item(self, name: str, error: Any) -> None:
        refusal = refusal_in(error)
        self.said[f"item {refusal.code}"] += 1
        if refusal.reason in _OPEN and not refusal.retry:
            self.unexpected(f"an item without RetryInfo of {name}")
