"""Calls over the wire as bytes, and everything that came back: code, details, reason, fields."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from chassis.routes import Kind, Route
from vault.rpc.audits import AuditHandlers
from vault.rpc.cards import CardHandlers
from vault.rpc.changes import ChangeHandlers
from vault.rpc.credentials import CredentialHandlers
from vault.rpc.reveals import RevealHandlers
from vault.rpc.reverts import RevertHandlers
from vault.rpc.routes import Handlers, routes
from vault.rpc.tokenize import TokenizeHandlers

Metadata = tuple[tuple[str, str], ...]
_NOTHING: Final[Any] = None  # routes are only looked at here: no handler of theirs is ever called


def vault_routes() -> tuple[Route, ...]:
    """Return the table of RPCs that the vault serves."""
    return routes(
        Handlers(
            tokenize=TokenizeHandlers(_NOTHING, _NOTHING, _NOTHING),
            cards=CardHandlers(_NOTHING, _NOTHING, _NOTHING, _NOTHING),
            changes=ChangeHandlers(_NOTHING, _NOTHING),
            reveals=RevealHandlers(_NOTHING, _NOTHING),
            credentials=CredentialHandlers(_NOTHING, _NOTHING, _NOTHING, _NOTHING),
            reverts=RevertHandlers(_NOTHING, _NOTHING, _NOTHING, _NOTHING),
            audits=AuditHandlers(_NOTHING, _NOTHING, _NOTHING),
        )
    )


def short(route: Route) -> str:
    """Return a route's name in tables: the method alone, which is unique among services."""
    return route.path.rpartition("/")[2]


@dataclass(frozen=True)
class Refusal:
    """Why a call or an item failed. `raw` is all bytes that the server sent about it."""

    code: str
    reason: str = ""
    fields: tuple[str, ...] = ()
    domain: str = ""
    retry: bool = False
    raw: bytes = b""

    def __repr__(self) -> str:  # never `raw`: it is what a leak would be in
        return f"<Refusal {self.code} {self.reason} {self.fields}>"


@dataclass(frozen=True, repr=False)
class Answer:
    """What a call brought: replies, or a refusal."""

    replies: Sequence[Message]
    refusal: Refusal | None = None

    @property
    def code(self) -> str:
        """Return the status code's name."""
        return self.refusal.code if self.refusal else "OK"


def refusal_in(status: status_pb2.Status, code: str = "", extra: bytes = b"") -> Refusal:
    """Read a `google.rpc.Status`."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    waits = False
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        waits = detail.Unpack(retry) or waits
    return Refusal(
        code=code or next(c.name for c in grpc.StatusCode if c.value[0] == status.code),
        reason=info.reason.removeprefix("ERROR_REASON_"),
        fields=tuple(each.field for each in bad.field_violations),
        domain=info.domain,
        retry=waits,
        raw=extra + status.SerializeToString(),
    )


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """Read a failed call."""
    status = status_pb2.Status()
    sent = [error.details() or ""]
    for metadata in (error.initial_metadata(), error.trailing_metadata()):
        for key, value in metadata or ():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value if isinstance(value, bytes) else value.encode())
            sent.append(f"{key}={value!r}")
    return refusal_in(status, error.code().name, "\n".join(sent).encode())


async def refused(call: Awaitable[object]) -> Refusal:
    """Return why a call was refused; fails if it was not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    raise AssertionError("the call was accepted")


async def send(
    channel: grpc.aio.Channel,
    route: Route,
    request: Message | bytes,
    metadata: Metadata = (),
    timeout: float = 10.0,  # noqa: ASYNC109 - the call's deadline, which travels with it
) -> Answer:
    """Send bytes to a route and return what came back, whatever it is."""
    sent = request if isinstance(request, bytes) else request.SerializeToString()
    options: dict[str, Any] = {"metadata": metadata, "timeout": timeout}
    try:
        if route.kind is Kind.UNARY:
            unary: Any = channel.unary_unary(route.path)  # the stubs type it by its serialisers
            answers = [await unary(sent, **options)]
        else:
            stream: Any = channel.unary_stream(route.path)
            answers = [part async for part in stream(sent, **options)]
    except grpc.aio.AioRpcError as error:
        return Answer((), refusal_of(error))
    return Answer([route.response.FromString(part) for part in answers])
