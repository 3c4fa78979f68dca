"""Envoy's administration, over a socket in a private directory that nobody else may enter."""

import asyncio
import contextlib
import http.client
import json
import socket
from pathlib import Path
from typing import Final

from chassis.envoy.bootstrap import ADMIN, CLIENTS, LISTENER, SERVER

_TIMEOUT_S: Final = 2.0
_LOOK_S: Final = 0.02
_MOST_BYTES: Final = 1 << 20


class AdminFailed(OSError):
    """Envoy did not do as it was asked."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=_TIMEOUT_S)
        self._path: Final = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


class Admin:
    """Asks the Envoy whose directory this is. Each raises OSError."""

    def __init__(self, directory: Path) -> None:
        self._path: Final = directory / ADMIN

    async def port(self) -> int | None:
        """Return the port that the API listens on; None while it doesn't."""
        page = json.loads(await self._ask("GET", "/listeners?format=json"))
        for status in page.get("listener_statuses", ()):
            if status["name"] == LISTENER:
                port: int = status["local_address"]["socket_address"]["port_value"]
                return port or None
        return None

    async def until_listening(self, over: asyncio.Event, within: float) -> int:
        """Return the API's port once Envoy listens there and has taken its certificate.

        Raises OSError, with the likely reason, after `within` seconds, or when Envoy is `over`.
        """
        port = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not over.is_set():
                    with contextlib.suppress(OSError):  # not there yet
                        port = await self.port()
                        if port is not None and await self.secrets_taken():
                            return port
                    await asyncio.sleep(_LOOK_S)
        if port is None:
            raise OSError("the address can't be bound: is another server using it?")
        raise OSError("Envoy doesn't take the certificate: is its key RSA of 2048 bits, or ECDSA?")

    async def active_requests(self) -> int:
        """Return the requests that have not been answered to their last byte."""
        return await self._counted(f"http.{LISTENER}.downstream_rq_active")

    async def secrets_taken(self) -> bool:
        """Tell whether Envoy has taken the certificate, and whom to trust."""
        taken = [await self._counted(f"sds.{name}.update_success") for name in (SERVER, CLIENTS)]
        return all(taken)

    async def active_connections(self) -> int:
        """Return the connections that callers hold."""
        return await self._counted(f"http.{LISTENER}.downstream_cx_active")

    async def drain(self) -> None:
        """Tell callers with each answer to go elsewhere (GOAWAY); then take no more connections.

        `bootstrap.DRAIN_S` lies between the two.
        """
        await self._ask("POST", "/drain_listeners?graceful")

    async def secrets_refused(self) -> int:
        """Return how often Envoy has refused a certificate, or whom to trust."""
        return sum([await self._counted(f"sds.{n}.update_rejected") for n in (SERVER, CLIENTS)])

    async def _counted(self, name: str) -> int:
        page = await self._ask("GET", f"/stats?filter=^{name}$")
        _name, _colon, value = page.decode("ascii").partition(":")
        return int(value or 0)

    async def _ask(self, method: str, path: str) -> bytes:
        return await asyncio.to_thread(self._asked, method, path)

    def _asked(self, method: str, path: str) -> bytes:
        connection = _Connection(self._path)
        try:
            connection.request(method, path)
            reply = connection.getresponse()
            body = reply.read(_MOST_BYTES)
        except http.client.HTTPException as error:
            raise AdminFailed(type(error).__name__) from None
        finally:
            connection.close()
        if reply.status != http.HTTPStatus.OK:
            raise AdminFailed(f"Envoy answered {reply.status}")
        return body
