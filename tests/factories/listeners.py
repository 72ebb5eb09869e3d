"""A real mail server and a real HTTP server on loopback, as small as the protocols allow."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)


class MailServer(socketserver.TCPServer):
    """Speaks enough SMTP (RFC 5321) for one message a connection; keeps what it was told."""

    allow_reuse_address = True

    def __init__(self, *, refusing: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _MailSession)
        self.refusing = refusing
        self.commands: list[str] = []
        self.messages: list[str] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, *_client: Any) -> None:
        """A client that leaves in the middle is what some tests are about."""


class _MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 loopback")
        while line := self.rfile.readline().decode(errors="replace").strip():
            self.server.commands.append(line)
            match line.split()[0].upper():
                case "EHLO":
                    self._say("250-loopback\r\n250 AUTH PLAIN")
                case "AUTH":
                    self._say("235 welcome")
                case "MAIL" if self.server.refusing:
                    self._say("550 not from you")
                case "DATA":
                    self._say("354 go on")
                    self._message()
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _message(self) -> None:
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        self.server.messages.append("".join(lines))
        self._say("250 kept")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class WebhookServer(HTTPServer):
    """Answers every POST with one status; keeps paths and bodies."""

    def __init__(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.status = status
        self.headers = headers or {}
        self.posts: list[tuple[str, bytes]] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Webhook(BaseHTTPRequestHandler):
    server: WebhookServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_anything: Any) -> None:
        """Stays silent."""


@contextmanager
def listening(server: Server) -> Iterator[Server]:
    """Serve from a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
