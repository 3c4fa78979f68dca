"""What a call's scope tells: who calls (Envoy has verified it), metadata, deadline, origin."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from chassis.envoy.statuses import Header, TransportStatus
from chassis.status import Code

CERTIFICATE: Final = b"x-forwarded-client-cert"
"""Set by Envoy from the verified certificate, and by nobody else: what a caller sends under this
name is dropped (`bootstrap`: SANITIZE_SET)."""
_UNITS: Final = {
    "H": 3600.0,
    "M": 60.0,
    "S": 1.0,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
}
_OVERHEAD: Final = 32  # a header's, as HTTP/2 counts them (RFC 9113 §6.5.2)
_OWN: Final = frozenset({b"te", b"content-type", b"host", CERTIFICATE, b"x-forwarded-proto"})


class EnvoyCall:
    """Read a call's facts from its ASGI scope (a `RawCall`). Raises TransportStatus."""

    __slots__ = (
        "_certificate",
        "_client",
        "_headers",
        "_metadata",
        "_until",
        "began",
        "encoding",
        "gone",
        "headers",
        "metadata_bytes",
        "takes_trailers",
        "trailers",
    )

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.began: Final = time.monotonic()
        self._metadata: dict[str, str] | None = None
        self.gone = False  # the caller has hung up
        # What a handler adds to the beginning of its answer, and to the end.
        self.headers: Sequence[Header] = ()
        self.trailers: Sequence[Header] = ()
        self._client: Final = scope.get("client")
        self._headers: Final[list[Header]] = scope["headers"]
        certificate = encoding = timeout = te = b""
        size = 0
        for name, value in self._headers:
            size += len(name) + len(value) + _OVERHEAD
            if name == b"grpc-timeout":
                timeout = value
            elif name == CERTIFICATE:
                certificate = value
            elif name == b"grpc-encoding":
                encoding = value
            elif name == b"te":
                te = value
        # What Envoy tells of the certificate is no part of what the caller sent.
        self.metadata_bytes: Final = size - len(certificate)
        self._certificate: Final = certificate
        self.takes_trailers: Final = te == b"trailers"
        self.encoding: Final = encoding
        self._until: Final = self.began + seconds_of(timeout) if timeout else None

    def peer_sans(self) -> Sequence[str]:
        """Return the URI name of the verified certificate: one, or none at all."""
        return uri_names(self._certificate)

    def metadata(self) -> Mapping[str, str]:
        """Return text metadata; repeated keys joined by a comma, binary ones left out."""
        if self._metadata is not None:
            return self._metadata
        found = self._metadata = {}
        for name, value in self._headers:
            if name in _OWN or name.startswith(b"grpc-") or name.endswith(b"-bin"):
                continue
            key, text = name.decode("latin-1"), value.decode("latin-1")
            found[key] = f"{found[key]},{text}" if key in found else text
        return found

    def time_remaining(self) -> float | None:
        """Return the seconds left; None without a deadline."""
        return None if self._until is None else self._until - time.monotonic()

    def origin(self) -> str:
        """Return the peer as gRPC spells it, such as ipv4:127.0.0.1:40000."""
        if self._client is None:
            return "unknown:"
        host, port = self._client
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"


@lru_cache(maxsize=1024)
def seconds_of(timeout: bytes) -> float:
    """Read a grpc-timeout: up to eight digits and a unit. Raises TransportStatus."""
    text = timeout.decode("latin-1")
    digits, unit = text[:-1], text[-1:]
    if not (1 <= len(digits) <= 8 and digits.isascii() and digits.isdigit() and unit in _UNITS):
        raise TransportStatus(Code.INVALID_ARGUMENT, "the deadline is no grpc-timeout")
    return int(digits) * _UNITS[unit]


@lru_cache(maxsize=1024)
def uri_names(header: bytes) -> tuple[str, ...]:
    """Return the one URI name that Envoy tells of a certificate; none where there isn't just one.

    SPIFFE allows one (X509-SVID §2). Envoy writes our own names first (By), then a hash, then the
    caller's names as they are: one with a separator in it could look like two, or like another
    part, so whatever isn't plain and the last is nobody's.
    """
    parts = [part.partition(b"=") for part in header.split(b";")]
    while parts[0][0] == b"By":
        parts.pop(0)
        if not parts:
            return ()
    if [key for key, _equals, _value in parts] != [b"Hash", b"URI"]:
        return ()
    digest, name = [value for _key, _equals, value in parts]
    return (name.decode("ascii"),) if name and _plain(digest) and _plain(name) else ()


def _plain(value: bytes) -> bool:
    return all(0x20 < byte < 0x7F and byte not in b'",=\\' for byte in value)
