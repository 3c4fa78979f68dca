"""What the transports have in common: how they are asked to serve, and what is served then.

Two serve the same guarded routes: `chassis.grpc_transport` and `chassis.envoy` (blueprint,
"Transports"; ADR 0020). A service's composition root is given one of them.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from chassis.guard import Guarded
from chassis.tls import ServerCertificates
from chassis.tracing.open import Tracing

Unguarded = Callable[[str], Callable[[bytes], Awaitable[bytes]] | None]
"""Return what answers a path without any check, or None: a benchmark's empty call is one, no
service has any."""


@dataclass(frozen=True, slots=True)
class GrpcLimits:
    """Bound what one connection may do (reliability-security-operations.md §1.2)."""

    message_bytes: int = 4 << 20
    metadata_bytes: int = 8 << 10
    streams: int = 128
    connection_age: timedelta = timedelta(minutes=5)  # about: gRPC adds ±10 % of its own
    connection_age_grace: timedelta = timedelta(seconds=30)
    keepalive: timedelta = timedelta(minutes=2)
    keepalive_timeout: timedelta = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """Say where and how to serve. Port 0 takes a free one."""

    listen: str
    health_listen: str | None = None
    drain: timedelta = timedelta(seconds=20)
    reuse_port: bool = False  # several worker processes on one port; off, a second server fails
    reflection: bool = False  # development only
    limits: GrpcLimits = GrpcLimits()


class Server(Protocol):
    """Control what runs."""

    @property
    def port(self) -> int:
        """Return the API's port."""

    @property
    def health_port(self) -> int | None:
        """Return the port of the probes, None where there is none."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports that are listened on, the API's first."""

    async def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - the verdict itself
        """Announce on all ports whether the server takes traffic; it starts as NOT_SERVING."""

    async def stop(self, grace: timedelta) -> None:
        """Announce NOT_SERVING, take nothing new, give calls in flight `grace`, then cancel them.

        Returns when all are done. The wait for endpoints to notice comes before, and is the
        service's. Safe to repeat.
        """


class Transport(Protocol):
    """Serve until the block is left, then drain for `options.drain`.

    Raises OSError when an address can't be bound.
    """

    def __call__(
        self,
        routes: Iterable[Guarded],
        certificates: ServerCertificates,
        options: GrpcOptions,
        *,
        on_unknown_method: Callable[[], object] = lambda: None,
        unguarded: Unguarded | None = None,
        tracing: Tracing | None = None,
    ) -> AbstractAsyncContextManager[Server]:
        """Serve these routes over mTLS, and trace their calls where `tracing` is given."""
