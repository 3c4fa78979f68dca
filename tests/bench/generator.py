"""A load generator: a process of its own that does what the runner tells it, line by line.

`prepare` serializes requests, `go` sends them, `check` reads the replies: only `go` is timed. It
ends with its standard input. Nothing else runs between two commands, so reading one may block.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc

from chassis.channel import open_channel, reason_in, status_of
from chassis.runtime import run
from chassis.tls import TlsFiles
from tests.bench.empty import empty_path
from tests.bench.phases import (
    CALL_TIMEOUT_S,
    EMPTY_REQUESTS,
    MOST_FAILURES,
    REVEAL_SHARE,
    Operation,
    Phase,
)
from tests.bench.requests import Requests, identity_of, path_of, tokens_in, wrong
from tests.bench.stats import Schedule, reveals

Send: TypeAlias = tuple[Operation, Any, bytes]
"""An operation, the method to call for it, and the request's bytes."""
MOST_OUTSTANDING: Final = 4_096
"""Of an open loop. Further calls wait, and the wait counts: latency is from the intended time."""


@dataclass(slots=True)
class Job:
    """A prepared phase and what came of it."""

    phase: Phase
    sends: list[Send]
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    replies: list[tuple[Operation, bytes, bytes]] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    async def call(self, send: Send, since: float) -> None:
        """Make one call, and record it from `since` on."""
        operation, method, request = send
        try:
            reply = await method(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            self.failures[_said(error)] += 1
            return
        self.latencies.append(time.perf_counter() - since)
        if not self.phase.empty:
            self.replies.append((operation, request, reply))


def _said(error: grpc.aio.AioRpcError) -> str:
    """Return a failure's code, with the vault's reason, or gRPC's words where there is none."""
    return f"{error.code().name} ({reason_in(status_of(error)) or error.details()})"


class Generator:
    """Answers commands."""

    def __init__(self, target: str, pki: Path, tokens: Path) -> None:
        self._channels = {
            name: open_channel(
                target, TlsFiles(pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key")
            )
            for name in ("app", "psp")
        }
        self._tokens_path = tokens
        self._tokens = tokens.read_text().split() if tokens.exists() else []
        self._job: Job | None = None

    async def run(self) -> None:
        """Work until the input ends."""
        while line := sys.stdin.readline():
            command = json.loads(line)
            match command.pop("do"):
                case "prepare":
                    answer = await self._prepare(Phase(**command))
                case "go":
                    answer = await self._go()
                case "check":
                    answer = self._check(keep=command["keep"])
                case _:
                    raise ValueError("an unknown command")
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        for channel in self._channels.values():
            await channel.close()

    async def _prepare(self, phase: Phase) -> dict[str, Any]:
        requests = Requests(self._tokens, phase.first_card)
        sends: list[Send] = []
        method = None if phase.rate else await self._method(phase, requests)
        mixed = {name: self._method_at(name, path_of(name)) for name in ("Tokenize", "Detokenize")}
        distinct = EMPTY_REQUESTS if phase.empty else phase.most_calls
        for index in range(min(distinct, phase.most_calls)):
            operation = phase.operation
            if method is None:
                operation = "Detokenize" if reveals(index, REVEAL_SHARE) else "Tokenize"
            sends.append((operation, method or mixed[operation], requests.make(operation)))
        self._job = Job(phase, sends)
        return {"prepared": len(sends)}

    async def _method(self, phase: Phase, requests: Requests) -> Any:
        """Return the method to call. One real call opens the connection and sizes the empty one."""
        operation = phase.operation
        method = self._method_at(operation, path_of(operation))
        reply = await method(requests.make(operation), timeout=CALL_TIMEOUT_S)
        if not phase.empty:
            return method
        empty = self._method_at(operation, empty_path(len(reply)))
        await empty(b"", timeout=CALL_TIMEOUT_S)
        return empty

    def _method_at(self, operation: Operation, path: str) -> Any:
        return self._channels[identity_of(operation)].unary_unary(path)

    async def _go(self) -> dict[str, Any]:
        assert self._job is not None
        job = self._job
        gc.collect()
        gc.disable()
        try:
            cpu, began = time.process_time(), time.perf_counter()
            await (_open_loop(job) if job.phase.rate else _closed_loop(job))
            elapsed = time.perf_counter() - began
            used = time.process_time() - cpu
        finally:
            gc.enable()
        return {
            "elapsed": elapsed,
            "cpu": used,
            "calls": len(job.latencies),
            "failures": dict(job.failures),
        }

    def _check(self, *, keep: bool) -> dict[str, Any]:
        assert self._job is not None
        job, self._job = self._job, None
        if keep:
            with self._tokens_path.open("a") as file:
                for _operation, _request, reply in job.replies:
                    file.writelines(f"{token}\n" for token in tokens_in(reply))
        found = sum(wrong(*each) for each in job.replies)
        return {"latencies": job.latencies, "lateness": job.lateness, "wrong": found}


async def _closed_loop(job: Job) -> None:
    """Keep `in_flight` calls under way: the next one leaves when its predecessor is answered."""
    until = time.perf_counter() + job.phase.seconds
    sends = islice(cycle(job.sends), job.phase.most_calls)

    async def lane(sends: Iterator[Send]) -> None:
        for send in sends:
            now = time.perf_counter()
            if now >= until or job.failures.total() > MOST_FAILURES:
                return
            await job.call(send, now)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(job.phase.in_flight):
            lanes.create_task(lane(sends))


async def _open_loop(job: Job) -> None:
    """Send each call at its time, whether or not the ones before it are answered."""
    schedule = Schedule(job.phase.rate, job.phase.seconds)
    room = asyncio.Semaphore(MOST_OUTSTANDING)
    began, sent = time.perf_counter(), 0

    async def one(index: int) -> None:
        try:
            await job.call(job.sends[index], began + schedule.intended(index))
        finally:
            room.release()

    async with asyncio.TaskGroup() as calls:
        while sent < min(schedule.count, len(job.sends)):
            elapsed = time.perf_counter() - began
            for index in range(sent, schedule.due(elapsed)):
                await room.acquire()
                job.lateness.append(time.perf_counter() - began - schedule.intended(index))
                calls.create_task(one(index))
                sent = index + 1
            if job.failures.total() > MOST_FAILURES:
                return
            await asyncio.sleep(max(0.0, schedule.intended(sent) - (time.perf_counter() - began)))


def main() -> None:
    """Generate load as told on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    options = parser.parse_args()

    async def work() -> None:
        await Generator(options.target, options.pki, options.tokens).run()

    run(work())


if __name__ == "__main__":
    main()
