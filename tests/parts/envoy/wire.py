"""HTTP/2 by hand over TLS, to say what no library would: wrong frames, floods, slow headers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Sequence
from typing import Final, Self

from chassis.tls import TlsFiles

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW, CONTINUATION = (
    range(10)
)
END_STREAM: Final = 1
END_HEADERS: Final = 4
CALL: Final = (
    (":method", "POST"),
    (":scheme", "https"),
    (":path", "/cardvault.vault.v1.VaultService/GetCard"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
)
Pairs = Sequence[tuple[str, str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame; the payload needn't fit its kind."""
    return (
        struct.pack("!I", len(payload))[1:]
        + bytes((kind, flags))
        + (stream.to_bytes(4, "big") + payload)
    )


def block(pairs: Pairs) -> bytes:
    """Return headers as HPACK's plain literals, which any decoder takes."""
    return b"".join(
        b"\x00" + _text(name.encode("latin-1")) + _text(value.encode("latin-1"))
        for name, value in pairs
    )


def _text(value: bytes) -> bytes:
    if len(value) < 127:
        return bytes((len(value),)) + value
    rest, length = len(value) - 127, bytearray(b"\x7f")
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    length.append(rest)
    return bytes(length) + value


def headers(stream: int, pairs: Pairs, flags: int = END_HEADERS) -> bytes:
    """Return a HEADERS frame."""
    return frame(HEADERS, flags, stream, block(pairs))


def context_of(
    files: TlsFiles, protocols: Sequence[str] = ("h2",), *, known: bool = True
) -> ssl.SSLContext:
    """Return what a client of these files would use; `known`: it shows its certificate."""
    context = ssl.create_default_context(cafile=str(files.ca))
    if known:
        context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(list(protocols))
    return context


class Wire:
    """One connection. All waits are bounded: a server that says nothing fails a test."""

    def __init__(self, address: str, context: ssl.SSLContext, within: float = 15.0) -> None:
        host, port = address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=within)
        self._socket: Final = context.wrap_socket(plain, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def certificate(self) -> bytes:
        """Return the server's certificate."""
        return self._socket.getpeercert(binary_form=True) or b""

    def open(self, settings: bytes = b"") -> Self:
        """Say who we are in HTTP/2."""
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        return self

    def send(self, sent: bytes) -> None:
        """Send bytes. Raises OSError once the server has hung up."""
        self._socket.sendall(sent)

    def flood(self, piece: bytes, times: int) -> bool:
        """Send a piece so often, without reading; True: the server hung up, or takes no more."""
        try:
            for _ in range(times):
                self._socket.sendall(piece)
        except OSError:
            return True
        return False

    def received(self, within: float) -> bytes:
        """Return what comes until the server hangs up, or until the time is over."""
        found, until = bytearray(), time.monotonic() + within
        with contextlib.suppress(OSError):
            while (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                piece = self._socket.recv(1 << 16)
                if not piece:
                    break
                found += piece
        return bytes(found)

    def received_for(self, stream: int, within: float) -> bytes:
        """Return what comes until a stream is answered or the connection ends, or time is over."""
        found, until = bytearray(), time.monotonic() + within
        with contextlib.suppress(OSError):
            while (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                piece = self._socket.recv(1 << 16)
                found += piece
                if not piece or any(at == stream for _k, _f, at, _p in frames_in(bytes(found))):
                    break
        return bytes(found)

    def hung_up(self, within: float) -> bool:
        """Tell whether the server ends the connection in time; what it says first is dropped."""
        until = time.monotonic() + within
        try:
            while (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(1 << 16):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False


def frames_in(received: bytes) -> list[tuple[int, int, int, bytes]]:
    """Return the whole frames in what came: kind, flags, stream, payload."""
    found = []
    while len(received) >= 9:
        length = int.from_bytes(received[:3], "big")
        kind, flags = received[3], received[4]
        stream = int.from_bytes(received[5:9], "big")
        if len(received) < 9 + length:
            break
        found.append((kind, flags, stream, received[9 : 9 + length]))
        received = received[9 + length :]
    return found
