"""As much of a Kubernetes API server as helm asks before it hands manifests over: its version.

helm's memory driver keeps releases in a file and hands manifests to nobody; with it and this, its
commands run whole.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_KINDS: Final = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "pods", "namespaced": True, "kind": "Pod", "verbs": ["get"]}],
    },
}


@contextmanager
def api_server(kubernetes: str) -> Iterator[str]:
    """Answer what discovery asks, as `kubernetes` ("1.37"); yields the address."""
    major, minor = kubernetes.split(".")
    version = {"major": major, "minor": minor, "gitVersion": f"v{kubernetes}.0"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer = version if path == "/version" else _KINDS.get(path)
            body = json.dumps(answer or {"kind": "Status", "status": "Failure"}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(5)
