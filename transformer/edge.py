"""
The outermost layer: what holds for every request, and the short way for the hot ones.

In front of KServe's app, not inside it: its middleware costs more than an answer, and a limit that stands behind a
router protects nothing. Here are the correlation id, the limit of requests, the bound on bodies, the translation of
errors, metrics and the one log line; what is not a hot route goes on to the app behind.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from transformer.access import AccessLog
from transformer.clients import Clients
from transformer.connections import Connections
from transformer.correlation import Correlation, set_current
from transformer.errors import Refused
from transformer.fast import Handler
from transformer.limits import Limiter
from transformer.paths import Path, path_of
from transformer.replies import Reply, refused
from transformer.tally import Tally
from upper_circuit.errors import UpperCircuitError
from upper_circuit.oip import contract
from upper_circuit.oip.arrival import BodyLate, BodyTooLarge, GoneError, Message, Receive, body_of
from upper_circuit.telemetry import logs
from upper_circuit.telemetry.metrics import HttpMetrics

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Start = Callable[[], Awaitable[None]]

_GONE = 499
"""Logged where the caller went away before it had sent its request; nobody sees it."""
_CORRELATION = contract.CORRELATION_ID.encode()
_TRACEPARENT = contract.TRACEPARENT.encode()
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guards:
    """What every request passes or is counted by."""

    clients: Clients
    limiter: Limiter | None
    metrics: HttpMetrics
    tally: Tally
    access: AccessLog
    connections: Connections
    is_draining: Callable[[], bool]


class Edge:
    """An ASGI app: hot routes answered here, everything else by `app`; `start` and `stop` are the program's life."""

    def __init__(
        self, app: App, hot: Mapping[str, Handler], guards: Guards, start: Start, stop: Start
    ) -> None:
        self._app = app
        self._hot = hot
        self._guards = guards
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._elsewise(scope, receive, send)
            return
        request = _Request(scope, send, self._guards)
        set_current(request.correlation)
        logs.bind(correlation_id=request.correlation.id)
        self._guards.metrics.in_flight.inc()
        reply: Reply | None = None
        try:
            reply = await self._answer(request, receive)
        except UpperCircuitError as error:
            reply = refused(error, request.path.text)
        except GoneError:
            request.status = _GONE
        except Exception:  # a server's last line: whatever it was, the caller gets an answer
            log.exception("request.failed")
            reply = None if request.has_begun else refused(None, request.path.text)
        if reply is not None:
            await request.send_whole(reply)
        request.note(reply)

    async def _answer(self, request: _Request, receive: Receive) -> Reply | None:
        """The answer, or None where the app behind sent it."""
        path, limiter = request.path, self._guards.limiter
        if limiter is not None and path.is_limited and not await limiter.allows(request.client):
            told = "too many requests from this address, retry in 1s"
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", told, retry_after=1)
        body = await _read(receive, request.headers, path.most_bytes)
        handler = self._hot.get(path.text) if request.method == "POST" else None
        if handler is not None:
            return await handler(request.headers, body)
        await self._app(request.scope, _replay(body, receive), request.send)
        return None

    async def _elsewise(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Request:
    """One request and what became of it."""

    __slots__ = (
        "_guards",
        "_send",
        "_started",
        "client",
        "correlation",
        "has_begun",
        "headers",
        "method",
        "path",
        "scope",
        "status",
    )

    def __init__(self, scope: Scope, send: Send, guards: Guards) -> None:
        self._started = time.perf_counter()
        self._send = send
        self._guards = guards
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.path: Path = path_of(scope["path"])
        self.status: int = HTTPStatus.INTERNAL_SERVER_ERROR
        self.has_begun = False
        self.correlation = Correlation.of(self._text(_CORRELATION), self._text(_TRACEPARENT))
        peer = scope.get("client")
        self.client = guards.clients.address(peer[0] if peer else None, scope["headers"])

    async def send(self, message: Message) -> None:
        """For the app behind: its messages, with our headers."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._own_headers()]
        await self._send(message)

    async def send_whole(self, reply: Reply) -> None:
        """Send an answer made here."""
        self.status = reply.status
        self.has_begun = True
        body = b"" if self.method == "HEAD" else reply.body
        headers = [
            (b"content-type", reply.content_type),
            (b"content-length", str(len(reply.body)).encode()),
            *reply.headers,
            *self._own_headers(),
        ]
        await self._send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def note(self, reply: Reply | None) -> None:
        """Count it, and log it where it was no probe."""
        guards, status = self._guards, int(self.status)
        seconds = time.perf_counter() - self._started
        method = self.method if self.method in _METHODS else "other"
        guards.metrics.in_flight.dec()
        guards.metrics.answered(self.path.route, method, status, seconds)
        if not self.path.is_limited:
            return
        guards.tally.count(seconds, status)
        facts = {
            "route": self.path.route,
            "method": method,
            "ms": round(seconds * 1000, 2),
            "client": self.client,
            "correlation_id": self.correlation.id,
            "trace_id": self.correlation.trace_id,
        }
        guards.access.write({**facts, **reply.facts} if reply else facts, status=status)

    def _own_headers(self) -> list[tuple[bytes, bytes]]:
        own = [
            (_CORRELATION, self.correlation.id.encode()),
            (_TRACEPARENT, self.correlation.traceparent.encode()),
        ]
        # A connection kept alive would come back to a process that is about to end.
        is_last = self._guards.is_draining() or self._guards.connections.is_over(
            self.scope.get("client"), time.perf_counter()
        )
        return [*own, (b"connection", b"close")] if is_last else own

    def _text(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


async def _read(receive: Receive, headers: Mapping[bytes, bytes], most: int) -> bytes:
    try:
        return await body_of(receive, headers, most)
    except BodyTooLarge as error:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BODY_TOO_LARGE", str(error)) from None
    except BodyLate as error:
        close = {"connection": "close"}
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "BODY_LATE", str(error), headers=close) from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body already read, then what comes after it."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
