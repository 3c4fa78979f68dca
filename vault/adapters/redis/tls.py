"""One TLS context for all connections of a link, with the authorities that were named and no other.

The driver makes a context for each connection: tens of milliseconds of reading certificates, in the
event loop, and it trusts the system's authorities beside the one that it is given.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from vault.adapters.redis.address import RedisSettings

_Stamps = tuple[int, ...]


class SharedTls:
    """What the driver asks for a context; made again when a file has changed."""

    def __init__(self, settings: RedisSettings) -> None:
        """Read nothing: a file that can't be read shows when a connection is needed."""
        self._settings: Final = settings
        self._context: ssl.SSLContext | None = None
        self._stamps: _Stamps = ()

    def get(self) -> ssl.SSLContext:
        """Return the context. Raises OSError for a file that can't be read or used."""
        stamps = self._now()
        if self._context is None or stamps != self._stamps:
            self._context, self._stamps = self._made(), stamps
        return self._context

    def used_by(self, client: Redis) -> None:
        """Have the client's connections, made from now on, use this context."""
        pool = client.connection_pool
        pool.connection_class = _sharing(pool.connection_class, self)

    def _now(self) -> _Stamps:
        found = self._settings
        files = [Path(each) for each in (found.ca, found.certificate, found.key) if each]
        return tuple(each.stat().st_mtime_ns for each in files)

    def _made(self) -> ssl.SSLContext:
        found = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificates and host names
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if found.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(found.ca)
        if found.certificate is not None:
            context.load_cert_chain(found.certificate, found.key)
        return context


def _sharing(base: Any, shared: SharedTls) -> Any:
    class Sharing(base):  # type: ignore[misc]
        """The driver's connection, with our context."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.ssl_context = shared

    return Sharing
