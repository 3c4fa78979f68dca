"""A real Envoy whose application is in the test: it passes ASGI's events on over a socket.

So one suite sees the service's insides and runs through the real thing: Envoy's configuration, TLS
and limits, pyvoy's way with events, and our gate.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from chassis.envoy.admin import Admin
from chassis.envoy.gate import Gate
from chassis.envoy.launch import HANDOVER, become_envoy
from chassis.envoy.server import EnvoyTransport
from chassis.tls import ServerCertificates, TlsFiles
from chassis.transport import GrpcLimits, GrpcOptions, Server
from tests.doubles.chassis_certs import client_files

MOST_BYTES = 32 << 20
WAIT_S = 20.0


def packed(value: Any) -> Any:
    """Return a value as JSON takes it; bytes are marked."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {"dict": [[key, packed(each)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return [packed(each) for each in value]
    return value


def unpacked(value: Any) -> Any:
    """Return what `packed` was given; tuples come back as lists."""
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    if isinstance(value, dict):
        if "bytes" in value:
            return base64.b64decode(value["bytes"])
        return {key: unpacked(each) for key, each in value["dict"]}
    return value


class Line:
    """One connection: a JSON value a line, either way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def put(self, value: object) -> None:
        self.writer.write(json.dumps(packed(value)).encode() + b"\n")
        await self.writer.drain()

    async def take(self) -> Any:
        line = await self._reader.readline()
        return unpacked(json.loads(line)) if line else None


# What runs inside Envoy.

_kept: set[asyncio.Task[Any] | None] = set()  # pyvoy keeps no task, and asyncio no stream's reader


async def app(scope: Any, receive: Any, send: Any) -> None:
    _kept.add(asyncio.current_task())
    try:
        await _passed_on(scope, receive, send)
    finally:
        _kept.discard(asyncio.current_task())


async def _passed_on(scope: Any, receive: Any, send: Any) -> None:
    told = json.loads(os.environ[HANDOVER])  # noqa: TID251 - as our own guest does
    reader, writer = await asyncio.open_unix_connection(told["socket"], limit=MOST_BYTES)
    line = Line(reader, writer)
    if scope["type"] == "lifespan":
        await receive()
        await line.put({"directory": told["directory"]})
        await line.take()  # until the test wants it to listen
        await send({"type": "lifespan.startup.complete"})
        ended = asyncio.ensure_future(receive())  # it could not listen
        gone = asyncio.ensure_future(line.take())
        await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
        shutil.rmtree(told["directory"], ignore_errors=True)
        os._exit(0 if gone.done() else 1)
    plain = {name: scope[name] for name in ("type", "method", "path", "headers", "client")}
    await line.put(plain)
    async with asyncio.TaskGroup() as tasks:
        while (told := await line.take()) is not None:
            tasks.create_task(_done(told, line, receive, send))
    writer.close()


async def _done(told: Any, line: Line, receive: Any, send: Any) -> None:
    event = None
    failed = False
    try:
        if told["event"] is None:
            event = await receive()
        else:
            await send(told["event"])
    except OSError:
        failed = True
    await line.put({"id": told["id"], "event": event, "failed": failed})


# What runs in the test.


class Remote:
    """One call's `receive` and `send`, done at the other end."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    async def _asked(self, event: object) -> Any:
        self._number += 1
        waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self._line.put({"id": self._number, "event": event})
        answer = await waiting
        if answer is None or answer["failed"]:
            raise OSError("the caller has gone")
        return answer["event"]

    async def receive(self) -> Any:
        return await self._asked(None)

    async def send(self, event: Any) -> None:
        await self._asked(event)

    async def run(self) -> None:
        """Hand out answers until the line is closed."""
        while (answer := await self._line.take()) is not None:
            waiting = self._waiting.pop(answer["id"])
            if not waiting.done():
                waiting.set_result(answer)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)


class Bridge:
    """The test's end (an `Inside`)."""

    def __init__(self) -> None:
        self._gate: Gate | None = None
        self._directory: asyncio.Future[Path] = asyncio.get_running_loop().create_future()
        self._lifespan: Line | None = None
        self._ended = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None

    @property
    def directory(self) -> Path:
        return self._directory.result()

    def attach(self, gate: Gate) -> None:
        self._gate = gate

    async def listening(self) -> int:
        async with asyncio.timeout(WAIT_S):
            await self._directory
            assert self._lifespan is not None
            await self._lifespan.put({})
        return await Admin(self.directory).until_listening(self._ended, WAIT_S)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        first = await line.take()
        if "directory" in first:
            self._lifespan = line
            self._directory.set_result(Path(first["directory"]))
            await reader.read()
            self._ended.set()
            writer.close()
            return
        assert self._gate is not None
        first["headers"] = [tuple(each) for each in first["headers"]]
        remote = Remote(line)
        async with asyncio.TaskGroup() as tasks:
            answers = tasks.create_task(remote.run())
            await tasks.create_task(self._gate(first, remote.receive, remote.send))
            writer.close()
            answers.cancel()

    async def leave(self) -> None:
        """Have Envoy end, once it has begun."""
        await self._directory
        assert self._lifespan is not None
        self._lifespan.writer.close()


@asynccontextmanager
async def bridged(options: GrpcOptions, files: TlsFiles, directory: Path) -> AsyncIterator[Bridge]:
    """Run an Envoy until the block is left."""
    bridge = Bridge()
    path = directory / f"{os.urandom(4).hex()}.sock"
    server = await asyncio.start_unix_server(
        bridge.connected,
        path,
        limit=MOST_BYTES,
        backlog=options.limits.streams,  # each call is a connection, and all may come at once
    )
    limits = options.limits
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.doubles.envoy_bridge"),
        *(str(path), options.listen, str(files.ca.parent), files.certificate.stem),
        *(str(int(options.reuse_port)), str(int(options.reflection))),
        str(limits.connection_age.total_seconds()),
    )
    bridge.process = process
    try:
        yield bridge
    finally:
        try:
            async with asyncio.timeout(WAIT_S):
                await bridge.leave()
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        server.close()
        await server.wait_closed()


class BridgedTransport:
    """Serve as `EnvoyTransport` does, through an Envoy of each server's own (a `Transport`)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @asynccontextmanager
    async def __call__(
        self, routes: Any, certificates: ServerCertificates, options: GrpcOptions, **more: Any
    ) -> AsyncIterator[Server]:
        async with (
            bridged(options, certificates.files, self._directory) as bridge,
            EnvoyTransport(bridge)(routes, certificates, options, **more) as server,
        ):
            yield server


def main() -> None:
    socket, listen, pki, name, reuse, reflection, age = sys.argv[1:]
    options = GrpcOptions(
        listen,
        reuse_port=reuse == "1",
        reflection=reflection == "1",
        limits=GrpcLimits(connection_age=timedelta(seconds=float(age))),
    )
    files = client_files(Path(pki), name)
    become_envoy("tests.doubles.envoy_bridge:app", options, files, {"socket": socket})


if __name__ == "__main__":
    main()
