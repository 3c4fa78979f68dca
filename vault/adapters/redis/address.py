"""What `CARDVAULT_REDIS_URL` may say, parsed once; errors name the rule, never the value.

redis://[user:password@]host[:port][/database]                       one server, plain TCP
rediss://…                                                           one server, TLS
redis+sentinel://[user:password@]host[:port],host[:port],…/service[/database]
rediss+sentinel://…                                                  the same, TLS to all of them
redis+cluster://[user:password@]host[:port],host[:port],…            Redis Cluster, by some nodes
rediss+cluster://…                                                   the same, TLS to all of them

Plain values: nothing here opens a connection, and no driver is needed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_KINDS: Final = ("", "+sentinel", "+cluster")
_SCHEMES: Final = tuple(f"{plain}{kind}" for plain in ("redis", "rediss") for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The server, sentinels that know it, or nodes of a cluster.

    The user and password are the servers', never the sentinels'.
    """

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    service: str | None = None
    database: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    cluster: bool = False

    @property
    def exposed(self) -> bool:
        """Tell whether passwords and answers cross a network without TLS."""
        return not self.tls and not all(_loopback(host) for host, _port in self.hosts)


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """What the settings say of Redis; see vault/config.py. Times in seconds."""

    address: RedisAddress
    timeout_s: float = 0.25
    replicas: int | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def confirming(self) -> int:
        """How many replicas must hold a change before it counts.

        One where there are failovers, unless set: one that forgot a taken code would give it twice.
        """
        if self.replicas is not None:
            return self.replicas
        return 1 if self.address.service is not None or self.address.cluster else 0


def parse_address(text: str) -> RedisAddress:
    """Parse a URL. Raises ValueError, whose text is a rule."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("not a URL") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("redis:// or rediss://, or one of them with +sentinel or +cluster")
    if parts.query or parts.fragment:
        raise ValueError("a Redis URL has no query and no fragment")
    sentinel, cluster = (parts.scheme.endswith(kind) for kind in _KINDS[1:])
    user, password, hosts = _authority(parts.netloc, _SENTINEL_PORT if sentinel else _PORT)
    path = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    service = None
    if sentinel:
        if not path:
            raise ValueError("sentinels are followed by /service")
        service = unquote(path.pop(0))
    elif len(hosts) != 1 and not cluster:
        raise ValueError("several hosts are sentinels or a cluster: redis+sentinel://, +cluster://")
    elif cluster and path:
        raise ValueError("a cluster has one database, and no path")
    return RedisAddress(
        hosts,
        parts.scheme.startswith("rediss"),
        service,
        _database(path),
        user,
        password,
        cluster=cluster,
    )


def _authority(text: str, port: int) -> tuple[str | None, str | None, tuple[tuple[str, int], ...]]:
    login, _, rest = text.rpartition("@")
    user, _, password = login.partition(":")
    if login and not password:
        raise ValueError("a user name comes with a password: user:password@")
    hosts = tuple(_host(part, port) for part in rest.split(","))
    return unquote(user) or None, unquote(password) or None, hosts


def _host(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit("//" + text)
    except ValueError:  # its text would quote the host
        raise ValueError("not a URL") from None
    try:
        found = parts.port
    except ValueError:
        raise ValueError("a port is a number up to 65535") from None
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, port if found is None else found


def _database(path: list[str]) -> int:
    if not path:
        return 0
    if len(path) != 1 or not (path[0].isascii() and path[0].isdigit()):
        raise ValueError("a database is a number")
    return int(path[0])


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
