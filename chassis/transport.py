"""What the transports have in common: how they are asked to serve, and what is served then.

Two serve the same guarded routes: `chassis.grpc_transport` and `chassis.envoy` (blueprint,
"Transports"; ADR 0020). A service's composition root is given one of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from chassis.guard import Guarded
from chassis.health import Health, PlainHealth
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


class Server(ABC):
    """Control what runs: `port` is the API's, `health_port` the probes', None where there is none.

    A transport says how the API ends (`_end`).
    """

    def __init__(self, port: int, health: Health, plain: PlainHealth | None) -> None:
        self.port: Final = port
        self.health_port: Final = None if plain is None else plain.port
        self._health: Final = health
        self._plain: Final = plain
        self._stopped = False

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports that are listened on, the API's first."""
        return (self.port,) if self.health_port is None else (self.port, self.health_port)

    async def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - the verdict itself
        """Announce on all ports whether the server takes traffic; it starts as NOT_SERVING."""
        await self._health.set_serving(serving)

    async def stop(self, grace: timedelta) -> None:
        """Announce NOT_SERVING, take nothing new, give calls in flight `grace`, then cancel them.

        Returns when all are done. The wait for endpoints to notice comes before, and is the
        service's. Safe to repeat.
        """
        if self._stopped:
            return
        self._stopped = True
        await self._health.close()
        await self._end(grace)
        if self._plain is not None:  # last: it answers NOT_SERVING meanwhile
            await self._plain.stop()

    @abstractmethod
    async def _end(self, grace: timedelta) -> None:
        """Take no more connections, let calls in flight finish for `grace`, then cancel them."""


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
