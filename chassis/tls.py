"""Load certificates for mutual TLS, and take up renewed ones without a restart."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

MAX_PEM_BYTES: Final = 1 << 20


class CertificateInvalid(Exception):
    """Certificate files can't be used together. Its text names the file's role, not its content."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Name the PEM files of one end: who it trusts, what it is, the key that proves it."""

    ca: Path
    certificate: Path
    key: Path


class KeyPair:
    """Hold one consistent reading of `TlsFiles`. Never printed: it has the private key."""

    __slots__ = ("ca", "certificate", "key", "not_after")

    def __init__(self, ca: bytes, certificate: bytes, key: bytes, not_after: datetime) -> None:
        self.ca: Final = ca
        self.certificate: Final = certificate
        self.key: Final = key
        self.not_after: Final = not_after

    def __repr__(self) -> str:
        return f"<KeyPair until {self.not_after:%Y-%m-%d}>"


def read_key_pair(files: TlsFiles) -> KeyPair:
    """Read and check the files; raises CertificateInvalid.

    Refuses a key that doesn't belong to the certificate: a renewal writes two files, and a
    reader may come between them.
    """
    ca, certificate, key = (_read(p) for p in (files.ca, files.certificate, files.key))
    try:
        x509.load_pem_x509_certificates(ca)
        leaf = x509.load_pem_x509_certificates(certificate)[0]
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateInvalid("a TLS file is not PEM of the kind expected") from None
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*spki) != private.public_key().public_bytes(*spki):
        raise CertificateInvalid("the TLS key does not belong to the certificate")
    return KeyPair(ca, certificate, key, leaf.not_valid_after_utc)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PEM_BYTES + 1)
    except OSError:
        raise CertificateInvalid("a TLS file can't be read") from None
    if len(content) > MAX_PEM_BYTES:
        raise CertificateInvalid("a TLS file is larger than 1 MiB")
    return content


class ServerCertificates:
    """Serve the newest good certificate: gRPC asks before every handshake.

    Files are looked at once a second at most. A bad renewal keeps the last good pair and is told
    to `on_failure`. Called from gRPC's threads. Connections that are open keep what they have;
    `max_connection_age` bounds for how long.
    """

    def __init__(
        self,
        files: TlsFiles,
        *,
        on_loaded: Callable[[KeyPair], object] = lambda _pair: None,
        on_failure: Callable[[str], object] = lambda _problem: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.files: Final = files
        self._on_loaded: Final = on_loaded
        self._on_failure: Final = on_failure
        self._monotonic: Final = monotonic
        self._lock: Final = threading.Lock()
        self._looked = monotonic()
        self._seen = self._stamps()
        self._pair = read_key_pair(files)
        on_loaded(self._pair)

    @property
    def pair(self) -> KeyPair:
        """Return the pair in force."""
        return self._pair

    def credentials(self) -> grpc.ServerCredentials:
        """Return server credentials that require a client certificate of our CA; one per port."""
        given = self._pair

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given  # each port takes a renewed pair up for itself
            self.renewed()
            if self._pair is given:
                return None
            given = self._pair
            return _configuration(given)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(given),
            fetch,  # type: ignore[arg-type] # None means "no change", says its documentation
            require_client_authentication=True,
        )

    def renewed(self) -> KeyPair | None:
        """Return the new pair if the files changed and are good, else None; never raises."""
        with self._lock:
            now = self._monotonic()
            if now - self._looked < 1.0:
                return None
            self._looked = now
            stamps = self._stamps()
            if stamps == self._seen:
                return None
            try:
                self._pair = read_key_pair(self.files)
            except CertificateInvalid as error:
                self._on_failure(str(error))
                return None  # `_seen` stays: looked at again, in case the second file follows
            self._seen = stamps
            self._on_loaded(self._pair)
            return self._pair

    def failed(self, problem: str) -> None:
        """Tell of a renewal that could not be served; `problem` is a fixed sentence."""
        self._on_failure(problem)

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for path in (self.files.ca, self.files.certificate, self.files.key):
            try:
                stat = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)


def _configuration(pair: KeyPair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(pair.key, pair.certificate)], root_certificates=pair.ca
    )


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Return client credentials; raises CertificateInvalid.

    gRPC doesn't reload a client's certificate inside a channel: open a new one to renew it.
    """
    pair = read_key_pair(files)
    return grpc.ssl_channel_credentials(pair.ca, pair.key, pair.certificate)
