"""A door in front of a key service: it counts, and throttles, hangs or slams when told."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["open", "throttled", "broken", "down", "slow"]
Answer = tuple[int, bytes]
SLOW_S = 30.0


@dataclass
class Door:
    """Forwards to `upstream`. `answers` says how this service throttles and breaks."""

    upstream: str
    answers: dict[str, Answer]
    mode: Mode = "open"
    turns: int | None = None  # how many requests `mode` lasts, or for good
    seen: int = 0
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_mode(self) -> Mode:
        """Count a request, and return what happens to it."""
        with self.lock:
            self.seen += 1
            if self.turns is not None:
                self.turns -= 1
                if self.turns < 0:
                    self.mode, self.turns = "open", None
            return self.mode

    def counted(self) -> Callable[[], int]:
        """Return a function that tells how many requests came since now."""
        before = self.seen
        return lambda: self.seen - before


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    door: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        mode = self.door.next_mode()
        if mode == "down":
            self.close_connection = True  # cut off, without a byte of an answer
            return
        if mode == "slow":
            self.door.closing.wait(SLOW_S)
            self.close_connection = True
            return
        if mode in self.door.answers:
            self._answer(*self.door.answers[mode])
            return
        there = urlsplit(self.door.upstream)
        link = http.client.HTTPConnection(there.hostname or "", there.port, timeout=20)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            link.request("POST", self.path, body, headers)
            answer = link.getresponse()
            self._answer(answer.status, answer.read(), answer.getheader("Content-Type"))
        finally:
            link.close()

    def _answer(self, status: int, body: bytes, kind: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that gave up are part of the tests."""


@contextmanager
def serving_http(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free loopback port; yield the URL."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def door_to(upstream: str, answers: dict[str, Answer]) -> Iterator[Door]:
    """Open a door in front of `upstream`."""
    door = Door(upstream, answers)
    handler = type("Handler", (_Handler,), {"door": door})
    with serving_http(handler) as door.url:
        try:
            yield door
        finally:
            door.closing.set()


def aws_says(status: int, code: str) -> Answer:
    """Return an answer in the words of AWS's JSON protocol."""
    return status, f'{{"__type":"{code}","message":"as told by the test"}}'.encode()


def vault_says(status: int, *errors: str) -> Answer:
    """Return an answer in the words of Vault."""
    quoted = ",".join(f'"{error}"' for error in errors)
    return status, f'{{"errors":[{quoted}]}}'.encode()


AWS_ANSWERS = {
    "throttled": aws_says(400, "ThrottlingException"),
    "broken": aws_says(500, "KMSInternalException"),
}
VAULT_ANSWERS = {
    "throttled": vault_says(429, "request path: rate limit quota exceeded"),
    "broken": vault_says(503, "Vault is sealed"),
}
