"""An API server of Kubernetes on loopback, as far as who looks at objects goes: a path, an answer."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ApiServer(ThreadingHTTPServer):
    """Answers by path: an object, a text, a status, or what a call gives; 404 to everything else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}
        self.posts: list[str] = []
        self.deleted: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        self._answer(self.server.answers.get(self.path.partition("?")[0], 404))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(self.path)
        self._answer(self.server.answers.get(f"POST {self.path.partition('?')[0]}", 404))

    def do_DELETE(self) -> None:
        self.server.deleted.append(self.path.partition("?")[0])
        self._answer({})

    def _answer(self, found: Any) -> None:
        found = found() if callable(found) else found
        status, body = (found, {"message": f"status {found}"}) if isinstance(found, int) else (200, found)
        if isinstance(found, tuple):
            status, body = found[0], {"message": found[1]}
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_anything: Any) -> None:
        """Stays silent."""
