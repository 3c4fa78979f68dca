"""A process that calls the vault as an application does: with the plain stubs, or in batches.

Does what the runner tells it, line by line; ends with its standard input. Requests are made before
the clock starts, and every answer is looked at while it runs, in both ways alike.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from cardvault.client import CallFailed, Limits, Vault, connect
from cardvault.vault.v1.reveal_service_pb2 import DetokenizeRequest
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest, TokenizeRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.runtime import run
from tests.bench.phases import CALL_TIMEOUT_S, Operation
from tests.bench.requests import Requests

PLAIN: Final = "plain"
BATCHING: Final = "batching"
Call = Callable[[Any], Awaitable[bool]]
"""Make a call, and tell whether its answer is right."""


@dataclass(slots=True)
class Done:
    """What a phase came to. Seconds; CPU is this process's."""

    calls: int = 0
    failed: int = 0
    elapsed: float = 0.0
    cpu: float = 0.0


class Load:
    """Answers commands, over one channel an identity."""

    def __init__(self, app: Vault, psp: Vault) -> None:
        self._vault: Final = VaultServiceStub(app.channel)
        self._calls: Final[dict[tuple[str, str], Call]] = {
            (PLAIN, "Tokenize"): _tokenize(self._vault.Tokenize),
            (PLAIN, "Detokenize"): _detokenize(RevealServiceStub(psp.channel).Detokenize),
            (BATCHING, "Tokenize"): _tokenize(app.tokenize),
            (BATCHING, "Detokenize"): _detokenize(psp.detokenize),
        }
        self._requests = Requests([], 0)

    async def fill(self, cards: int) -> dict[str, int]:
        """Store the cards that reveals will draw from."""
        tokens: list[str] = []
        while len(tokens) < cards:
            batch = BatchTokenizeRequest.FromString(self._requests.make("BatchTokenize"))
            reply = await self._vault.BatchTokenize(batch, timeout=CALL_TIMEOUT_S)
            tokens += [each.response.card.token for each in reply.results]
        self._requests = Requests(tokens, len(tokens))  # further cards are new ones
        return {"tokens": len(tokens)}

    async def phase(
        self, how: str, operation: Operation, in_flight: int, calls: int, seconds: float
    ) -> Done:
        """Keep so many calls under way, for so many seconds or calls at most."""
        requests = iter([self._request(operation) for _ in range(calls)])
        call, done = self._calls[how, operation], Done()
        gc.collect()
        gc.disable()
        try:
            cpu, began = time.process_time(), time.perf_counter()
            async with asyncio.TaskGroup() as lanes:
                for _ in range(in_flight):
                    lanes.create_task(_lane(call, requests, began + seconds, done))
            done.elapsed = time.perf_counter() - began
            done.cpu = time.process_time() - cpu
        finally:
            gc.enable()
        return done

    def _request(self, operation: Operation) -> TokenizeRequest | DetokenizeRequest:
        made = self._requests.make(operation)
        if operation == "Tokenize":
            return TokenizeRequest.FromString(made)
        return DetokenizeRequest.FromString(made)


async def _lane(call: Call, requests: Iterator[Any], until: float, done: Done) -> None:
    """Make one call after the other."""
    for request in requests:
        if time.perf_counter() >= until:
            return
        try:
            right = await call(request)
        except (CallFailed, grpc.aio.AioRpcError):
            right = False
        done.calls += right
        done.failed += not right


def _tokenize(method: Callable[..., Awaitable[Any]]) -> Call:
    async def call(request: TokenizeRequest) -> bool:
        reply = await method(request, timeout=CALL_TIMEOUT_S)
        return bool(reply.created and reply.card.last4 == request.card.number[-4:])

    return call


def _detokenize(method: Callable[..., Awaitable[Any]]) -> Call:
    async def call(request: DetokenizeRequest) -> bool:
        reply = await method(request, timeout=CALL_TIMEOUT_S)
        return bool(reply.masked.token == request.token and reply.card.number)

    return call


async def _work(target: str, pki: Path, limits: Limits) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                connect(
                    target,
                    ca=pki / "ca.pem",
                    certificate=pki / f"{name}.pem",
                    key=pki / f"{name}.key",
                    limits=limits,
                )
            )
            for name in ("app", "psp")
        ]
        load = Load(clients[0], clients[1])
        # Nothing else runs between two commands, so reading one may block.
        while line := sys.stdin.readline():
            command = json.loads(line)
            if "fill" in command:
                answer = await load.fill(command["fill"])
            else:
                done = await load.phase(**command)
                answer = {name: getattr(done, name) for name in Done.__slots__}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Call as told on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=Limits().batches)
    parser.add_argument("--batch-calls", type=int, default=Limits().batch_calls)
    options = parser.parse_args(arguments)
    limits = Limits(batches=options.batches, batch_calls=options.batch_calls)
    run(_work(options.target, options.pki, limits))


if __name__ == "__main__":
    main()
