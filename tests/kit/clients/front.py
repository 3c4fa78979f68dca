"""A vault whose every second answer gets lost: what a client's retries are worth.

Each call is passed on to the vault behind it, so that what it asks for is done. The answer to a
request that comes for the first, third, … time is then thrown away for UNAVAILABLE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, Never

import grpc

from chassis.tls import channel_credentials
from tools.running.ports import free_ports
from tools.running.site import Site

_BEHIND_S: Final = 10.0
_IDENTITIES: Final = ("app", "psp")


class Front(grpc.GenericRpcHandler):
    """Passes calls on as who made them, and counts them."""

    def __init__(self, behind: dict[str, grpc.Channel]) -> None:
        self._behind = behind
        self._times: Counter[tuple[str, int]] = Counter()
        self.calls: Counter[str] = Counter()
        self.deadlines: list[float | None] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Take any method, its messages as bytes."""
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, details.method))

    def _answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls[method.rpartition("/")[2]] += 1
        self.deadlines.append(context.time_remaining())
        peer: Mapping[str, Any] = context.auth_context()  # lists of bytes, whatever the types say
        [name] = peer["x509_common_name"]
        call: Any = self._behind[name.decode()].unary_unary(method)
        failure: Any = None
        reply = b""
        try:
            reply = call(request, timeout=_BEHIND_S)
        except grpc.RpcError as error:
            failure = error
        times = (method, hash(request))  # the bytes are a card's: they aren't kept
        self._times[times] += 1
        if self._times[times] % 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer got lost")
        if failure is not None:
            _refuse(context, failure)
        return reply


def _refuse(context: grpc.ServicerContext, failure: Any) -> Never:
    """Say what the vault said."""
    context.set_trailing_metadata(failure.trailing_metadata())
    context.abort(failure.code(), failure.details())
    raise AssertionError("abort returns")


@contextmanager
def losing_front(site: Site) -> Iterator[tuple[Front, str]]:
    """Serve in front of a site's vault, with its certificate; yield the front and its address."""
    pki = site.data / "pki"
    authority, key, certificate = (
        (pki / name).read_bytes() for name in ("ca.pem", "server.key", "server.pem")
    )
    mutual = grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
    with ExitStack() as stack:
        front = Front(
            {
                name: stack.enter_context(
                    grpc.secure_channel(site.vault_address, channel_credentials(site.tls(name)))
                )
                for name in _IDENTITIES
            }
        )
        server = grpc.server(stack.enter_context(ThreadPoolExecutor(4)), handlers=[front])
        [port] = free_ports(1)
        assert server.add_secure_port(f"127.0.0.1:{port}", mutual) == port
        server.start()
        stack.callback(lambda: server.stop(grace=None).wait(_BEHIND_S))
        yield front, f"localhost:{port}"
