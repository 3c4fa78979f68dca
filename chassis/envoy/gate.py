"""One gRPC call over ASGI: in by its path, out with a status, whatever happens in between.

An exception that left the ASGI application would reach the caller as OK with an empty message, and
its text would be printed. So nothing leaves `Gate`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from chassis.envoy.absent import Absent
from chassis.envoy.call import EnvoyCall
from chassis.envoy.frames import (
    ACCEPTED,
    ENCODINGS,
    MOST_WAITING_BYTES,
    CallerGone,
    Inbox,
    Receive,
    Room,
    framed,
)
from chassis.envoy.statuses import (
    CONTENT_TYPE,
    OK_TRAILERS,
    Header,
    TransportStatus,
    status_headers,
)
from chassis.failures import describe
from chassis.status import Code, StatusError
from chassis.transport import GrpcLimits

Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = Mapping[str, Any]
Unary = Callable[[bytes, EnvoyCall], Awaitable[bytes]]
Stream = Callable[[bytes, EnvoyCall], AsyncGenerator[bytes]]
Duplex = Callable[[AsyncIterator[bytes], EnvoyCall], AsyncGenerator[bytes]]

_HEADERS: Final = (CONTENT_TYPE, (b"grpc-accept-encoding", ACCEPTED))
_START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": list(_HEADERS),
    "trailers": True,
}
_TRAILERS_ONLY: Final = {"type": "http.response.body", "body": b""}
_END_OF_BODY: Final = {"type": "http.response.body", "body": b"", "more_body": False}
_OK: Final = {"type": "http.response.trailers", "headers": list(OK_TRAILERS)}
_UNREAD_S: Final = 60.0
_TAKEN: Final = frozenset({b"application/grpc", b"application/grpc+proto"})
# Told, never raised: an exception that is raised anew keeps the frames of all its times.
_STOPPING: Final = TransportStatus(Code.UNAVAILABLE, "the server is stopping")
_FAULT: Final = TransportStatus(Code.INTERNAL, "internal error")
_log = structlog.get_logger("chassis.envoy")


@dataclass(frozen=True, slots=True)
class Method:
    """Hold what answers a path: one of the three."""

    unary: Unary | None = None
    stream: Stream | None = None
    duplex: Duplex | None = None


class Gate:
    """Answers calls: the `http` half of an ASGI application.

    `limits` bound a call's metadata and each of its messages; the rest of them is Envoy's.
    """

    def __init__(
        self,
        find: Callable[[str], Method | None],
        limits: GrpcLimits,
        on_unknown: Callable[[], object],
    ) -> None:
        self._find: Final = find
        self._limits: Final = limits
        self._on_unknown: Final = on_unknown
        self._room: Final = Room(MOST_WAITING_BYTES)
        self._closed = False
        self._tasks: Final[set[asyncio.Task[Any]]] = set()
        self.absent: Final = Absent()

    @property
    def in_flight(self) -> int:
        """Return the calls that have not been answered."""
        return len(self._tasks)

    def close(self) -> None:
        """Answer UNAVAILABLE from now on, to the calls in flight as well."""
        self._closed = True
        for task in self._tasks:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; nothing is raised."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - ASGI calls from a task
        self._tasks.add(task)
        out = _Reply(send)
        try:
            await self._answer(scope, receive, out, task)
        except (StatusError, TransportStatus) as error:
            await out.fail(error)
        except CallerGone:
            pass
        except OSError:  # pyvoy's ClientDisconnectedError is one: most likely nobody hears this
            await out.fail(_FAULT)
        except asyncio.CancelledError:
            if out.call is None or not out.call.gone:
                await out.fail(_STOPPING)
        except BaseException as error:  # noqa: BLE001 - see the module
            _tell(error)
            await out.fail(_FAULT)
        finally:
            self.absent.leave(task)
            self._tasks.discard(task)
            if out.inbox is not None:
                out.inbox.close()

    async def _answer(
        self, scope: Scope, receive: Receive, out: "_Reply", task: asyncio.Task[Any]
    ) -> None:
        if not await _is_grpc(scope, out):
            return
        if self._closed:
            await out.fail(_STOPPING)
            return
        method = self._find(scope["path"])
        if method is None:
            self._on_unknown()
            raise TransportStatus(Code.UNIMPLEMENTED, "no such method")
        call = out.call = EnvoyCall(scope)
        if call.metadata_bytes > self._limits.metadata_bytes:
            raise TransportStatus(Code.RESOURCE_EXHAUSTED, "the metadata is too long")
        if call.encoding and call.encoding != b"identity" and call.encoding not in ENCODINGS:
            raise TransportStatus(Code.UNIMPLEMENTED, "messages are gzip, deflate or not encoded")
        if not call.takes_trailers:  # pyvoy would send none, and with them no status
            raise TransportStatus(Code.INVALID_ARGUMENT, "the header te: trailers is missing")
        limit = self._limits.message_bytes
        inbox = out.inbox = Inbox(receive, call.encoding, limit, self._room)
        if method.unary is not None:
            request = await inbox.only()
            self.absent.watch(task, call, receive)
            reply = await method.unary(request, call)
            self.absent.leave(task)
            await out.finish(reply)
            return
        if method.stream is not None:
            request = await inbox.only()
            self.absent.watch(task, call, receive)
            replies = method.stream(request, call)
        else:
            assert method.duplex is not None  # noqa: S101 - one of the three
            replies = method.duplex(inbox.all(), call)
        async with aclosing(replies):
            async for reply in replies:
                async with _in_time(call):
                    await out.message(reply)
        await out.end()


class _Reply:
    """Writes one call's answer; knows how far it got, so that nothing is told twice."""

    __slots__ = ("_begun", "_bodied", "_over", "_send", "call", "inbox")

    def __init__(self, send: Send) -> None:
        self._send: Final = send
        self._begun = False  # the headers of an answer are out
        self._bodied = False  # and all of its body
        self._over = False  # its status is out, or was tried
        self.call: EnvoyCall | None = None
        self.inbox: Inbox | None = None

    async def finish(self, reply: bytes) -> None:
        """Send the one message, and OK."""
        self._begun = True
        await self._send(self._start())
        self._bodied = True
        await self._send({"type": "http.response.body", "body": framed(reply)})
        self._over = True
        await self._send(self._ok())

    async def message(self, reply: bytes) -> None:
        """Send one message of several; returns when the next one may be sent."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": framed(reply), "more_body": True})

    async def end(self) -> None:
        """Say OK after the last message."""
        await self._begin()
        self._bodied = True
        await self._send(_END_OF_BODY)
        self._over = True
        await self._send(self._ok())

    async def fail(self, error: StatusError | TransportStatus) -> None:
        """Say why not, as far as anybody listens; nothing where the end was told already."""
        if self._over:
            return
        try:
            await self._fail(error)
        except OSError:
            pass  # nobody listens
        except BaseException as fault:  # noqa: BLE001 - see the module
            _tell(fault)

    async def _fail(self, error: StatusError | TransportStatus) -> None:
        call = self.call
        headers = [*status_headers(error), *(() if call is None else call.trailers)]
        if call is not None and call.headers and not self._begun:
            self._begun = True
            await self._told(self._start())
        if self._begun:
            if not self._bodied:
                self._bodied = True
                await self._told(_END_OF_BODY)
            self._over = True
            await self._told({"type": "http.response.trailers", "headers": headers})
        else:
            await self._refuse(200, [*_HEADERS, *headers])

    async def http(self, status: int, *headers: Header) -> None:
        """Refuse what is no gRPC call."""
        await self._refuse(status, list(headers))

    async def _refuse(self, status: int, headers: list[Header]) -> None:
        self._over = True
        await self._told({"type": "http.response.start", "status": status, "headers": headers})
        await self._told(_TRAILERS_ONLY)

    async def _told(self, event: dict[str, Any]) -> None:
        """Send a part of a refusal; a cancellation meanwhile mustn't leave it half said."""
        with suppress(asyncio.CancelledError):
            await self._send(event)

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await self._send(self._start())

    def _start(self) -> dict[str, Any]:
        call = self.call
        if call is None or not call.headers:
            return _START
        return {**_START, "headers": [*_HEADERS, *call.headers]}

    def _ok(self) -> dict[str, Any]:
        call = self.call
        if call is None or not call.trailers:
            return _OK
        return {"type": "http.response.trailers", "headers": [*OK_TRAILERS, *call.trailers]}


@asynccontextmanager
async def _in_time(call: EnvoyCall) -> AsyncIterator[None]:
    """Bound how long a caller may leave a message of a stream unread."""
    left = call.time_remaining()
    try:
        async with asyncio.timeout(_UNREAD_S if left is None else min(left, _UNREAD_S)):
            yield
    except TimeoutError:
        raise TransportStatus(
            Code.DEADLINE_EXCEEDED, "the caller has not read what was sent in time"
        ) from None


def _tell(error: BaseException) -> None:
    with suppress(Exception):  # nobody may read the log any more: the caller is still there
        _log.error("unexpected error", **describe(error))


async def _is_grpc(scope: Scope, out: _Reply) -> bool:
    """Refuse what is no gRPC request by HTTP's own means (PROTOCOL-HTTP2, "Requests")."""
    if scope["method"] != "POST":
        await out.http(405, (b"allow", b"POST"))
        return False
    for name, value in scope["headers"]:
        if name == b"content-type":
            if value in _TAKEN or (kind := value.partition(b";")[0].rstrip()) in _TAKEN:
                return True
            if kind.startswith(b"application/grpc+"):
                raise TransportStatus(Code.UNIMPLEMENTED, "messages are protobuf's")
    await out.http(415)
    return False
