"""Serve `/metrics`, `/healthz` and `/readyz` over plain HTTP, on threads of their own."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from chassis.address import split_address

MAX_THREADS: Final = 8
SOCKET_TIMEOUT: Final = 5.0
STUCK_AFTER: Final = 10.0
"""Seconds without a turn of the event loop after which a process counts as stuck."""

Missing = Callable[[], Sequence[str]]
"""Name what is missing to be ready; empty means ready. Called from other threads; must not block
or touch the database: it reports what the service last knew."""


class Answers(Protocol):
    """Answers GET requests; asked from other threads."""

    def answer(self, path: str) -> tuple[HTTPStatus, bytes, str]:
        """Return status, body and content type for a path, in bounded time. Never raises."""


def verdict(missing: Sequence[str]) -> tuple[HTTPStatus, bytes, str]:
    """Return what a probe answers: OK where nothing is missing, else what is."""
    if not missing:
        return HTTPStatus.OK, b"ok\n", "text/plain"
    text = "".join(f"missing: {name}\n" for name in missing)
    return HTTPStatus.SERVICE_UNAVAILABLE, text.encode(), "text/plain"


class Probes:
    """Answer the three questions; each answer is a status and a text."""

    def __init__(
        self, registry: CollectorRegistry, loop_age: Callable[[], float], missing: Missing
    ) -> None:
        self._registry: Final = registry
        self._loop_age: Final = loop_age
        self._missing: Final = missing

    def answer(self, path: str) -> tuple[HTTPStatus, bytes, str]:
        """Return status, body and content type for a path."""
        match path.partition("?")[0]:
            case "/metrics":
                return HTTPStatus.OK, generate_latest(self._registry), CONTENT_TYPE_LATEST
            case "/healthz":
                alive = self._loop_age() < STUCK_AFTER
                return verdict([] if alive else ["event loop"])
            case "/readyz":
                return verdict(self._missing())
            case _:
                return HTTPStatus.NOT_FOUND, b"not found\n", "text/plain"


@contextmanager
def serving_ops(listen: str, answers: Answers) -> Iterator[int]:
    """Serve until the block is left; yields the port. Raises OSError if the address is taken."""
    server = _Server(split_address(listen), answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="ops", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """Serve at most `MAX_THREADS` connections at once; further ones wait in the backlog."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], answers: Answers) -> None:
        self.answers: Final = answers
        self._places: Final = threading.BoundedSemaphore(MAX_THREADS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection, or hang up when all are taken."""
        if not self._places.acquire(timeout=SOCKET_TIMEOUT):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a prober that hangs up isn't news, and the default prints tracebacks."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SOCKET_TIMEOUT
    server: _Server
    server_version = "cardvault"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one request."""
        status, body, kind = self.server.answers.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: probes come every few seconds."""
