"""How a call's end is written: the status in headers or trailers (PROTOCOL-HTTP2, "Responses")."""

from base64 import b64encode
from typing import Final
from urllib.parse import quote_from_bytes

from chassis.status import Code, StatusError

Header = tuple[bytes, bytes]

CONTENT_TYPE: Final[Header] = (b"content-type", b"application/grpc")
OK_TRAILERS: Final[tuple[Header, ...]] = ((b"grpc-status", b"0"),)
# Percent-encoding leaves printable ASCII but the percent sign itself.
_PLAIN: Final = "".join(chr(c) for c in range(0x20, 0x7F) if chr(c) != "%")


class TransportStatus(Exception):
    """Refuse a call with the transport's own status: it has no reason and no details (api.md)."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message


def status_headers(error: StatusError | TransportStatus) -> list[Header]:
    """Return what says how a call failed."""
    found = [
        (b"grpc-status", b"%d" % error.code),
        (b"grpc-message", quote_from_bytes(error.message.encode(), safe=_PLAIN).encode("ascii")),
    ]
    if isinstance(error, StatusError):
        found.append((b"grpc-status-details-bin", b64encode(error.details()).rstrip(b"=")))
    return found
