"""One way to ask Redis: bounded in time and number, through the breaker, failing in one way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.maint_notifications import MaintNotificationsConfig

from chassis.spans import step
from chassis.tracing.names import DB_SYSTEM
from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.tls import SharedTls

_AT_ONCE: Final = 32
_SPAN: Final = {DB_SYSTEM: "redis"}
T = TypeVar("T")
Work = Callable[[Redis], Awaitable[T]]


class RedisAway(Exception):
    """Redis did not do what it was asked, or may not be asked now. The text is a rule."""


class RedisMoved(RedisAway):
    """Nothing was done: another node of the cluster has this key."""


class RedisLink(Protocol):
    """A client of one server, of the master that Sentinel names, or of a cluster."""

    @property
    def breaker(self) -> Breaker:
        """What keeps callers away from a server that is away."""

    @property
    def away(self) -> bool:
        """Tell whether any call now would be refused without being tried."""

    async def ask(self, work: Work[T], at: str = "") -> T:
        """Do some work at the server that has the key `at`, within the timeout.

        Raises RedisAway, and nothing else. Nothing is asked twice: whether a lost answer had an
        effect is for the caller to know.
        """

    async def split(self, names: Sequence[str]) -> list[list[list[str]]]:
        """Split keys by what is asked at once, and within that by what one command may name."""

    async def close(self) -> None:
        """Close all connections."""


class ServerLink:
    """`RedisLink` to one server, or to the master that Sentinel names; connects when asked."""

    def __init__(self, settings: RedisSettings, breaker: Breaker) -> None:
        """Open no connection; a TLS file that can't be read shows when one is needed."""
        self.breaker: Final = breaker
        self._timeout_s: Final = settings.timeout_s
        self._places: Final = asyncio.Semaphore(_AT_ONCE)
        self._sentinel: Sentinel | None = None
        address = settings.address
        options = _options(settings)
        login: dict[str, Any] = {
            "username": address.user,
            "password": address.password,
            "db": address.database,
        }
        if address.service is None:
            ((host, port),) = address.hosts
            self._client = Redis(host=host, port=port, **login, **options)
        else:
            # A sentinel that hangs must leave time to ask the next, and then the master.
            patience = settings.timeout_s / (len(address.hosts) + 1)
            asking = {**options, "socket_timeout": patience, "socket_connect_timeout": patience}
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                list(address.hosts), sentinel_kwargs=asking
            )
            self._client = self._sentinel.master_for(address.service, **login, **options)
        if address.tls:
            tls = SharedTls(settings)
            tls.used_by(self._client)
            for each in self._sentinel.sentinels if self._sentinel else ():
                tls.used_by(each)

    @property
    def away(self) -> bool:
        """Tell whether a call now would be refused without being tried."""
        return self.breaker.resting

    async def ask(self, work: Work[T], at: str = "", within_s: float | None = None) -> T:
        """Do some work with the client, which has all keys; see `RedisLink`."""
        del at
        admission = self.breaker.admit()
        if admission is None:
            raise RedisAway("the breaker is open")
        answered: bool | None = None
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        try:
            with step("redis", "client", _SPAN):
                async with asyncio.timeout(within_s or self._timeout_s), self._places:
                    found = await work(self._client)
            if task and task.cancelling() > cancels:
                # The driver waits with `asyncio.wait_for`, which on Python 3.11 returns instead of
                # raising when a cancellation comes late: a loop around this would never end.
                raise asyncio.CancelledError
            answered = True
        except (ReadOnlyError, ClusterDownError, TryAgainError) as error:
            answered = False
            raise RedisAway(f"it can't answer: {type(error).__name__}") from None
        except MovedError:
            answered = True
            raise RedisMoved("another node has it") from None
        except AskError:
            answered = True
            raise RedisAway("the key is on its way to another node") from None
        except ResponseError as error:
            # It answers, so the breaker has no business here.
            answered = True
            raise RedisAway(f"refused: {type(error).__name__}") from None
        except (RedisError, OSError) as error:  # built-in TimeoutError is an OSError
            answered = False
            raise RedisAway(f"no answer: {type(error).__name__}") from None
        finally:
            self.breaker.ended(admission, answered)
        return found

    async def split(self, names: Sequence[str]) -> list[list[list[str]]]:
        """Keep all together: one server, one command."""
        return [[list(names)]]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def _options(settings: RedisSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        # Bounded by `ask`, connecting included. The driver's own limit is a `wait_for` (see there).
        "socket_timeout": None,
        "socket_connect_timeout": settings.timeout_s,
        # Retries belong to the breaker: the driver's would outlast the timeout.
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 2 * _AT_ONCE,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if settings.address.tls:
        options["ssl"] = True
    return options
