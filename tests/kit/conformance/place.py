"""Where a server under test serves: its files, its certificates, its limits."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from chassis.pki import Leaf, ensure_pki
from chassis.tls import TlsFiles
from chassis.transport import GrpcLimits, GrpcOptions

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """A server's directory. `direct`: the suite's client has a certificate of its own."""

    directory: Path
    direct: bool
    message_bytes: int

    @property
    def server(self) -> TlsFiles:
        """Return what the server is, and whom it trusts."""
        return self._files("server")

    @property
    def client(self) -> TlsFiles:
        """Return what the door is, through which clients without a certificate come."""
        return self._files("client")

    @property
    def options(self) -> GrpcOptions:
        """Return how to serve: as the product does, but for the longest message."""
        return GrpcOptions(listen=f"{HOST}:0", limits=GrpcLimits(message_bytes=self.message_bytes))

    def _files(self, name: str) -> TlsFiles:
        here = self.directory
        return TlsFiles(here / "ca.pem", here / f"{name}.pem", here / f"{name}.key")

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.directory, ignore_errors=True)


def made_for(request: Any) -> Place:
    """Make a place as the suite's request asks for it."""
    direct = bool(request.client_tls_cert)
    if request.use_tls and not direct:
        raise ValueError("this server takes no client over TLS that has no certificate")
    limit = request.message_receive_limit or GrpcLimits().message_bytes
    place = Place(Path(tempfile.mkdtemp(prefix="cardvault-conformance-")), direct, limit)
    if direct:
        place.server.ca.write_bytes(request.client_tls_cert)
        place.server.certificate.write_bytes(request.server_creds.cert)
        place.server.key.write_bytes(request.server_creds.key)
    else:
        leaves = (Leaf("server", server=True), Leaf("client"))
        ensure_pki(place.directory, leaves, now=datetime.now(UTC))
    return place
