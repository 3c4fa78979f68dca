"""One way to ask Redis: bounded in time and number, through the breaker, failing in one way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.breaker import Breaker

_AT_ONCE: Final = 32
T = TypeVar("T")


class RedisAway(Exception):
    """Redis did not do what it was asked, or may not be asked now. The text is a rule."""


class RedisLink:
    """A client for one server, or for the master that Sentinel names; connects when asked."""

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

    async def ask(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """Do some work with the client, within the timeout. Raises RedisAway, and nothing else.

        Nothing is asked twice: whether a lost answer had an effect is for the caller to know.
        """
        admission = self.breaker.admit()
        if admission is None:
            raise RedisAway("the breaker is open")
        answered: bool | None = None
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                found = await work(self._client)
            answered = True
        except ReadOnlyError:  # a master no more
            answered = False
            raise RedisAway("the server is a replica") from None
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

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def _options(settings: RedisSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "socket_timeout": settings.timeout_s,
        "socket_connect_timeout": settings.timeout_s,
        # Retries belong to the breaker: the driver's would outlast the timeout.
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 2 * _AT_ONCE,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if settings.address.tls:
        options |= {
            "ssl": True,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
            "ssl_ca_certs": _path(settings.ca),
            "ssl_certfile": _path(settings.certificate),
            "ssl_keyfile": _path(settings.key),
        }
    return options


def _path(path: object) -> str | None:
    return None if path is None else str(path)
