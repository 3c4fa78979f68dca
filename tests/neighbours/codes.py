"""A caller who stores cards with security codes and takes each code once."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

from cardvault.vault.v1 import reveal_service_pb2 as reveals

from tests.doubles.rpc_requests import tokenize
from tests.doubles.vault_site import request_id
from tests.neighbours.customer import Stubs
from tests.neighbours.watch import Watch

PUT, TAKE, AGAIN = "tokenization with a code", "reveal with its code", "second reveal with a code"
_PATIENCE_S: Final = 6.0
_PAUSE_S: Final = 0.1
_WAITS_S: Final = 0.4
_GONE: Final = "SECURITY_CODE_GONE"


class CodeCustomer:
    """Repeats what was refused with the same request id, as RetryInfo says."""

    def __init__(self, watch: Watch, stubs: Stubs, chance: random.Random) -> None:
        self._watch: Final = watch
        self._stubs: Final = stubs
        self._chance: Final = chance

    async def turn(self) -> None:
        """Store a card with a code, take the code, and see that it can't be taken twice."""
        await self._cycle(_PATIENCE_S)

    async def works(self) -> bool:
        """Do the same without repeating anything; tell whether all was answered."""
        return await self._cycle(0.0)

    async def _cycle(self, patience_s: float) -> bool:
        code, put = f"{self._chance.randrange(1000):03}", time.monotonic()
        request = tokenize(security_code=code)
        stored, _ = await self._settled(PUT, self._stubs.vault.Tokenize, request, patience_s)
        if stored is None:
            return False
        if patience_s:  # it lies there for a while, as a code does until it is paid with
            await asyncio.sleep(self._chance.uniform(0, _WAITS_S))

        def check(answer: Any) -> str:
            wrong = answer.security_code != code or answer.card.number != request.card.number
            return "another code or number than the card's was revealed" if wrong else ""

        taking = self._take(stored.card.token)
        method = self._stubs.reveal.Detokenize
        taken, reason = await self._settled(
            TAKE, method, taking, patience_s, check=check, since=put
        )
        if taken is not None or reason == _GONE:
            # Nobody else gets it; after what a fault has lost, neither.
            await self._watch.ask(
                AGAIN,
                method,
                self._take(stored.card.token),
                check=lambda _answer: "a code was given to a second request",
                since=put,
                expects=_GONE,
            )
        return taken is not None

    def _take(self, token: str) -> reveals.DetokenizeRequest:
        return reveals.DetokenizeRequest(
            request_id=request_id(), token=token, purpose="payment", include_security_code=True
        )

    async def _settled(
        self, call: str, method: Any, request: object, patience_s: float, **how: Any
    ) -> tuple[Any, str]:
        """Ask until there is an answer or a refusal for good."""
        until = time.monotonic() + patience_s
        while True:
            answer, reason = await self._watch.ask(call, method, request, **how)
            if answer is not None or reason == _GONE or time.monotonic() > until:
                return answer, reason
            await asyncio.sleep(_PAUSE_S)
