"""What gets no further than TLS: no certificate, another CA's, an old version, other protocols."""

from __future__ import annotations

import shutil
import socket
import ssl
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from chassis.pki import Leaf, ensure_pki
from chassis.tls import TlsFiles
from tests.doubles.chassis_certs import client_files, issue
from tests.parts.envoy.wire import (
    CALL,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    Wire,
    context_of,
    frame,
    frames_in,
    headers,
)
from tools.running.site import Site


def answer_to(site: Site, context: ssl.SSLContext, request: bytes) -> bytes:
    """Return all that a caller hears; nothing where TLS went no further."""
    try:
        with Wire(site.vault_address, context, within=5) as wire:
            wire.send(request)
            return wire.received(2.0)
    except OSError:
        return b""


def call_of(site: Site) -> bytes:
    return PREFACE + frame(SETTINGS, 0, 0) + headers(1, CALL, 4 | END_STREAM)


def foreign(directory: Path, site: Site) -> TlsFiles:
    """Make a certificate of `psp` by a CA that isn't ours; it trusts our server."""
    ensure_pki(directory, (Leaf("psp"),), now=datetime.now(UTC))
    shutil.copy(site.tls("app").ca, directory / "ca.pem")
    return client_files(directory, "psp")


def test_who_shows_no_certificate_of_ours_gets_no_further(site: Site, tmp_path: Path) -> None:
    app = site.tls("app")
    good = answer_to(site, context_of(app), call_of(site))
    assert any(kind == HEADERS for kind, *_ in frames_in(good)), "the request itself is good"
    assert answer_to(site, context_of(app, known=False), call_of(site)) == b""
    assert answer_to(site, context_of(foreign(tmp_path, site)), call_of(site)) == b""
    sans = [x509.UniformResourceIdentifier("spiffe://demo/psp")]
    expired = issue(site.data / "pki", "expired", sans, ended=True)
    assert answer_to(site, context_of(expired), call_of(site)) == b""


def old(site: Site, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return what a client of the past would use."""
    context = context_of(site.tls("app"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the client would; the server must refuse
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def test_old_tls_gets_no_further(site: Site) -> None:
    assert answer_to(site, old(site, ssl.TLSVersion.TLSv1_2), call_of(site))
    assert answer_to(site, old(site, ssl.TLSVersion.TLSv1_1), call_of(site)) == b""
    # It is the server that refuses: with one that doesn't, this client gets through.
    assert spoken_with_anybody(site, old(site, ssl.TLSVersion.TLSv1_1)) == "TLSv1.1"


def spoken_with_anybody(site: Site, client: ssl.SSLContext) -> str | None:
    """Return what this client speaks with a server that takes all."""
    files = site.tls("server")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = ssl.TLSVersion.TLSv1
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(there, here, server_hostname="localhost"),
        server.wrap_bio(here, there, server_side=True),
    )
    for _turn in range(6):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].version()


def test_no_other_http_is_spoken(site: Site) -> None:
    get = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
    post = b"POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
    for protocols in (("http/1.1",), ("h2", "http/1.1"), ()):
        for request in (get, post):
            said = answer_to(site, context_of(site.tls("app"), protocols), request)
            assert not said.startswith(b"HTTP/")
            assert not any(kind == HEADERS for kind, *_ in frames_in(said))
    host, port = site.vault_address.rsplit(":", 1)
    for request in (get, call_of(site), get.replace(b"\r\n\r\n", b"\r\nupgrade: h2c\r\n\r\n")):
        with socket.create_connection((host, int(port)), timeout=5) as plain:
            plain.sendall(request)
            plain.settimeout(5)
            try:
                said = plain.recv(1 << 16)
            except ConnectionResetError:
                said = b""
        assert said == b"" or said[0] == 0x15  # nothing, or TLS's own alert
