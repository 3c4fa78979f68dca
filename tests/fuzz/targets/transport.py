"""What a transport reads before a call begins: metadata, identities, frames, health checks."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Awaitable, MutableMapping, Sequence
from typing import Any, Final

from grpc_health.v1 import health_pb2

from chassis.admission import Admission, Refused
from chassis.envoy.call import CERTIFICATE, EnvoyCall, seconds_of, uri_names
from chassis.envoy.extras import HEALTH, health_methods
from chassis.envoy.frames import CallerGone, Inbox, Room, framed
from chassis.envoy.statuses import TransportStatus, status_headers
from chassis.health import Health
from chassis.identity import Identity
from chassis.policy import Policy
from chassis.status import Code, StatusError
from tests.doubles.rpc_wire import vault_routes
from tests.fuzz.judge import attempted, must_not_echo
from tests.fuzz.target import Broken, Target, plain_target

_LIMIT: Final = 4_096
_SAN: Final = "spiffe://demo/app"
_ROUTE: Final = vault_routes()[0]
_POLICY: Final = Policy([Identity(_SAN, ("demo", "second"), _ROUTE.permissions, frozenset())])
_ADMISSION: Final = Admission(_ROUTE, _POLICY.identify)


def ended(work: Awaitable[Any]) -> Any:
    """Run to its end what has nothing to wait for."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    raise Broken("waited for nothing")


def headers(data: bytes) -> str:
    """Read headers, a line each, as the guard does: who calls, for whom, until when."""
    pairs = [(name.lower(), value) for name, _, value in _lines(data)]
    scope = {"headers": pairs, "client": ("::1", 5)}
    call, said = attempted(data, lambda: EnvoyCall(scope), TransportStatus)
    if call is None:
        return said
    call.time_remaining()
    sans = call.peer_sans()
    if len(sans) > 1 or (sans and sans[0].encode() not in data):
        raise Broken("a caller has a name that no certificate gave it")
    try:
        identity, tenant = _ADMISSION.admit(call, call.metadata())
    except Refused as refused:
        must_not_echo(data, _sent(refused.status), "a refusal at the door")
        return "not admitted"
    if identity.principal != _SAN or tenant not in identity.tenants:
        raise Broken("a call was admitted for nobody")
    return said


def _lines(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    return [line.partition(b": ") for line in data.split(b"\n")[:64]]


def _sent(status: StatusError | TransportStatus) -> bytes:
    return b"\n".join(name + b": " + value for name, value in status_headers(status))


def _header_seeds() -> Sequence[bytes]:
    found = b"By=spiffe://demo/vault;Hash=" + b"ab" * 32 + b";URI=" + _SAN.encode()
    whole = (b"te: trailers", CERTIFICATE + b": " + found, b"grpc-timeout: 250m")
    more = (b"cardvault-tenant: second", b"cardvault-tenant: demo", b"traceparent: 00-1-2-01")
    return [b"\n".join((*whole, *more[:1])), b"\n".join((*whole, *more))]


def timeout(data: bytes) -> str:
    """Read a grpc-timeout: nothing is negative, nor more than eight digits of hours."""
    seconds, said = attempted(data, lambda: seconds_of.__wrapped__(data), TransportStatus)
    if seconds is not None and not 0 <= seconds < 3.6e11:
        raise Broken("a deadline past all bounds")
    return said


def names(data: bytes) -> str:
    """Read what Envoy tells of a certificate: one name of it, or none."""
    found = uri_names.__wrapped__(data)
    if len(found) > 1 or any(not name.isascii() or ";" in name for name in found):
        raise Broken("a certificate has a name that it hasn't")
    return "taken" if found else "refused"


def frames(data: bytes) -> str:
    """Read a body in pieces: the first byte says how many, the second in which encoding."""
    pieces, body = (data[0] % 7 + 1 if data else 1), data[2:]
    encoding = (b"", b"gzip", b"deflate", b"br")[data[1] % 4 if len(data) > 1 else 0]
    step = max(1, len(body) // pieces)
    events: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body[at : at + step], "more_body": True}
        for at in range(0, len(body), step)
    ]
    events.append({"type": "http.request", "more_body": False} if data[:1] < b"\xf0" else _GONE)
    room = Room(1 << 16)

    async def receive() -> MutableMapping[str, Any]:
        return events.pop(0)

    inbox = Inbox(receive, encoding, _LIMIT, room)
    refusals = (TransportStatus, CallerGone)
    message, said = attempted(data, lambda: ended(inbox.only()), *refusals)
    inbox.close()
    if room.left != 1 << 16:
        raise Broken("a call that is over takes room")
    if message is not None and len(message) > _LIMIT:
        raise Broken("a message is longer than the limit")
    return said


_GONE: Final[MutableMapping[str, Any]] = {"type": "http.disconnect"}


def _frame_seeds() -> Sequence[bytes]:
    message = b"\x0a\x04demo" * 20
    packed = {1: gzip.compress(message, mtime=0), 2: zlib.compress(message)}
    found = [
        bytes((3, encoding)) + struct.pack("!BI", 1, len(each)) + each
        for encoding, each in packed.items()
    ]
    return [bytes((2, 0)) + framed(message), bytes((1, 1)) + framed(b""), *found]


_METHODS: Final = health_methods(Health([_ROUTE.service]))
_CALL: Final = EnvoyCall({"headers": []})


def health(data: bytes) -> str:
    """Ask for the health of whatever the bytes name: once, and the beginning of a watch."""
    check, watch = _METHODS[f"/{HEALTH}/Check"].unary, _METHODS[f"/{HEALTH}/Watch"].stream
    assert check is not None
    assert watch is not None

    def asked() -> bytes:
        answers = watch(data, _CALL)
        first = ended(anext(answers))
        ended(answers.aclose())
        health_pb2.HealthCheckResponse.FromString(first)
        return bytes(ended(check(data, _CALL)))

    try:
        return attempted(data, asked, TransportStatus)[1]
    except TransportStatus as refused:
        if refused.code in (Code.INTERNAL, Code.UNKNOWN):
            raise Broken("a health check failed") from None
        raise


def _health_seeds() -> Sequence[bytes]:
    asked = [health_pb2.HealthCheckRequest(service=each) for each in (_ROUTE.service, "x")]
    return [each.SerializeToString() for each in asked]


_XFCC: Final = _header_seeds()[0].split(b"\n")[1].partition(b": ")[2]
TARGETS: Final[Sequence[Target]] = (
    plain_target("headers", "headers, and whom they admit", headers, _header_seeds, longest=1_024),
    plain_target("timeout", "grpc-timeout", timeout, lambda: [b"250m", b"99999999H"], longest=16),
    plain_target("identity", "names in certificates", names, lambda: [_XFCC], longest=512),
    plain_target("frames", "gRPC frames", frames, _frame_seeds),
    plain_target("health", "health checks", health, _health_seeds, longest=256),
)
